package snapshot

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pace limits how many calls run at once, and how many start each second.
type Pace struct {
	First  int     // calls at once, to begin with
	Most   int     // calls at once, at most
	Second float64 // calls a second, at most
}

// DefaultPace stays below the default quotas of 1,000 GetSnapshotBlock or PutSnapshotBlock a second and snapshot.
// https://docs.aws.amazon.com/general/latest/gr/ebs-service.html
// It begins with as many calls as a link of 5 Mbit/s answers within an attempt's time: a few dozen blocks, which is all that
// many a nightly image changes, are sent before the window has doubled often.
var DefaultPace = Pace{First: 16, Most: 128, Second: 900}

// slow is the part of an attempt's timeout after which a call counts as slow: more calls at once would not help.
const slow = 4

// gain is how much a round must be faster than the one before, which had half as many calls at once: else more calls at
// once only wait for each other.
const gain = 1.15

// window adapts the number of concurrent calls to what the service and the network can take. It doubles until something
// is throttled or times out, which halves it, or until twice as many calls are not faster. Afterwards it grows by one
// each round at most (additive increase, multiplicative decrease), and only while answers take no longer than usual.
type window struct {
	bucket *rate.Limiter
	most   float64
	now    func() time.Time

	mu      sync.Mutex
	limit   float64 // calls at once
	under   int     // calls in progress
	halved  time.Time
	waiting chan struct{} // closed when a call ends

	round round
	last  round         // the round before; without calls: there is none
	usual time.Duration // an answer's time when the window was large enough; 0: not known yet
}

// round is a time in which each of the calls at once ended.
type round struct {
	size  int // calls at once, to begin with
	began time.Time
	took  time.Duration // from its beginning to its end
	calls int           // that ended
	sum   time.Duration // of the time that these took
}

// rate returns how many calls ended in a second.
func (r round) rate() float64 { return float64(r.calls) / max(r.took, 1).Seconds() }

func newWindow(p Pace) *window {
	return &window{
		bucket: rate.NewLimiter(rate.Limit(p.Second), p.Most), most: float64(p.Most), limit: float64(p.First), waiting: make(chan struct{}),
		now: time.Now,
	}
}

// enter waits until another call may start.
func (w *window) enter(ctx context.Context) error {
	if err := w.bucket.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the rate limit: %w", err)
	}

	for {
		w.mu.Lock()
		if w.under < int(w.limit) {
			w.under++
			w.mu.Unlock()
			return nil
		}

		freed := w.waiting
		w.mu.Unlock()

		select {
		case <-freed:
		case <-ctx.Done():
			return fmt.Errorf("wait for other calls: %w", context.Cause(ctx))
		}
	}
}

// The outcomes of a call, as far as the window distinguishes them.
const (
	fast      = iota // more at once may help
	steady           // more at once would not help
	congested        // fewer at once
)

// leave ends a call that started at a time.
func (w *window) leave(began time.Time, outcome int) {
	w.mu.Lock()
	defer w.mu.Unlock()

	now := w.now()
	took := now.Sub(began)
	full := w.under >= int(w.limit)
	w.under--

	switch {
	case outcome == congested && began.After(w.halved):
		w.limit = max(1, w.limit/2)
		w.halved = now
	case outcome != fast || !full:
	case w.growing():
		w.limit = min(w.most, w.limit+1)
	case w.usual == 0 || took <= w.usual:
		w.limit = min(w.most, w.limit+1/w.limit)
	}

	if w.growing() {
		w.measure(now, took, full)
	}

	close(w.waiting)
	w.waiting = make(chan struct{})
}

// growing reports whether the window still doubles.
func (w *window) growing() bool { return w.halved.IsZero() && w.usual == 0 }

// measure adds a call to the round, and ends the doubling if a round was hardly faster than the one before. Rounds in
// which there were too few calls to fill the window say nothing.
func (w *window) measure(now time.Time, took time.Duration, full bool) {
	r := &w.round
	if !full || r.size == 0 {
		*r = round{size: int(w.limit), began: now}
		return
	}

	r.calls++
	r.sum += took
	if r.calls < r.size {
		return
	}

	r.took = now.Sub(r.began)
	if w.last.calls > 0 && r.rate() < gain*w.last.rate() {
		w.limit = float64(r.size)
		w.usual = w.last.sum / time.Duration(w.last.calls)
		return
	}
	w.last = *r
	*r = round{size: int(w.limit), began: now}
}

// size returns how many calls may run at once.
func (w *window) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(w.limit)
}
