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
var DefaultPace = Pace{First: 8, Most: 128, Second: 900}

// slow is the part of an attempt's timeout after which a call counts as slow: more calls at once would not help.
const slow = 4

// window adapts the number of concurrent calls to what the service and the network can take: it doubles until
// something is throttled or times out, is then halved, and afterwards grows by one each round (additive increase,
// multiplicative decrease).
type window struct {
	bucket *rate.Limiter
	most   float64

	mu      sync.Mutex
	limit   float64 // calls at once
	under   int     // calls in progress
	halved  time.Time
	waiting chan struct{} // closed when a call ends
}

func newWindow(p Pace) *window {
	return &window{
		bucket: rate.NewLimiter(rate.Limit(p.Second), p.Most), most: float64(p.Most), limit: float64(p.First), waiting: make(chan struct{}),
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

	full := w.under >= int(w.limit)
	w.under--
	switch {
	case outcome == congested && began.After(w.halved):
		w.limit = max(1, w.limit/2)
		w.halved = time.Now()
	case outcome == fast && full && w.halved.IsZero():
		w.limit = min(w.most, w.limit+1)
	case outcome == fast && full:
		w.limit = min(w.most, w.limit+1/w.limit)
	}

	close(w.waiting)
	w.waiting = make(chan struct{})
}

// size returns how many calls may run at once.
func (w *window) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(w.limit)
}
