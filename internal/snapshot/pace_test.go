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
