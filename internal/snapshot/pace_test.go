package snapshot

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A call that is throttled halves what may run at once; calls that began before that do not halve it again. Afterwards
// it grows by one each round, up to the most.
func TestThrottlingHalvesTheCallsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWindow(Pace{First: 8, Most: 12, Second: 1e9})
	full := func(outcome int, began time.Time) {
		for w.under < int(w.limit) {
			if err := w.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		w.leave(began, outcome)
	}
	step := func(what string, want int) {
		t.Helper()
		if got := w.size(); got != want {
			t.Errorf("%s: %d calls at once, want %d", what, got, want)
		}
	}

	early := time.Now()
	for range 10 {
		full(fast, time.Now())
	}
	step("fast answers, before any congestion", 12)
	full(steady, time.Now())
	step("a slow answer", 12)

	full(congested, time.Now())
	step("throttled", 6)
	full(congested, early)
	step("throttled, of a call that began before", 6)

	for w.under > 0 {
		w.leave(time.Now(), steady)
	}
	full(fast, time.Now())
	step("one fast answer", 6)
	for range 6 {
		full(fast, time.Now())
	}
	step("a round of fast answers", 7)

	for range 20 {
		w.halved = time.Time{}.Add(1)
		full(congested, time.Now())
		for w.under > 0 {
			w.leave(early, steady)
		}
	}
	step("throttled again and again", 1)
}

// served lets a window make calls of 10 ms to a service that works on some at once; the others wait there. It returns how
// many calls the window makes at once after 3,000 of them.
func served(t *testing.T, atOnce int) int {
	t.Helper()
	now := time.Unix(0, 0)
	w := newWindow(Pace{First: 8, Most: 128, Second: 1e9})
	w.now = func() time.Time { return now }

	free := make([]time.Time, atOnce) // when each worker of the service is free
	var began, ends []time.Time       // of the calls in progress, in order

	for range 3000 {
		for w.under < int(w.limit) {
			if err := w.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
			end := now
			if free[0].After(end) {
				end = free[0]
			}
			end = end.Add(10 * time.Millisecond)
			free = append(free[1:], end)
			began = append(began, now)
			ends = append(ends, end)
		}

		now = ends[0]
		w.leave(began[0], fast)
		began = began[1:]
		ends = ends[1:]
	}

	return w.size()
}

// The window grows as long as more calls at once are faster. A service that works on few gets few: the others would only
// wait there, and hold memory here.
func TestMoreCallsAtOnceOnlyWhereTheyAreFaster(t *testing.T) {
	t.Parallel()
	for atOnce, most := range map[int]int{1: 20, 4: 20, 8: 20, 20: 80, 50: 128} {
		if got := served(t, atOnce); got < atOnce || got > most {
			t.Errorf("a service that works on %d at once got %d, want %d to %d", atOnce, got, atOnce, most)
		}
	}
	if got := served(t, 1000); got != 128 {
		t.Errorf("a service that takes any number at once got %d, want 128", got)
	}
}

// A call that must wait for others ends with its context.
func TestWaitForOtherCallsEnds(t *testing.T) {
	t.Parallel()
	w := newWindow(Pace{First: 1, Most: 1, Second: 1e9})
	if err := w.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if err := w.enter(ctx); !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
