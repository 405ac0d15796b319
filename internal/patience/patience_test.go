package patience_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/patience"
	"image-builder/internal/progress"
)

// throttled is a passing error.
type throttled struct{}

func (throttled) Error() string { return "look: throttled: wait a minute" }
func (throttled) Passing() bool { return true }
func (throttled) Cause() string { return "look: throttled" }

// trial is a wait that records its pauses and notes.
type trial struct {
	pauses []time.Duration
	notes  []string
	calls  int
}

func (tr *trial) wait(limit time.Duration) patience.Wait {
	return patience.Wait{
		For: "snapshot snap-1", Limit: limit, Pace: 10 * time.Second,
		Pause: func(ctx context.Context, d time.Duration) error {
			tr.pauses = append(tr.pauses, d)
			return ctx.Err()
		},
		Report: func(e progress.Event) { tr.notes = append(tr.notes, e.Text) },
	}
}

// script answers each call by its number, from 1; the last answer stays.
func (tr *trial) script(answers ...any) func(context.Context) (patience.Answer, error) {
	return func(context.Context) (patience.Answer, error) {
		tr.calls++
		switch answer := answers[min(tr.calls, len(answers))-1].(type) {
		case patience.Answer:
			return answer, nil
		case error:
			return patience.Answer{}, answer
		}
		panic("neither an answer nor an error")
	}
}

var (
	pending = patience.Answer{State: "pending"}
	done    = patience.Answer{Done: true}
)

func TestPausesGrowAndStartAgain(t *testing.T) {
	t.Parallel()
	tr := &trial{}
	changed := patience.Answer{Changed: true}
	err := tr.wait(time.Hour).Until(t.Context(), tr.script(pending, pending, pending, pending, pending, pending, pending, pending, changed, done))
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, pause := range tr.pauses {
		got = append(got, pause.Round(100*time.Millisecond).String())
	}

	want := []string{"2s", "3s", "4.5s", "6.8s", "10s", "10s", "10s", "10s", "2s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A wait for what is usually there in a moment asks again soon, and not more often than others once it takes long.
func TestTheFirstPauseIsTheCallersChoice(t *testing.T) {
	t.Parallel()
	for first, want := range map[time.Duration][]time.Duration{
		4 * time.Second: {4 * time.Second, 6 * time.Second, 9 * time.Second, 10 * time.Second},
		time.Minute:     {10 * time.Second, 10 * time.Second, 10 * time.Second, 10 * time.Second},
	} {
		tr := &trial{}
		wait := tr.wait(time.Hour)
		wait.First = first
		err := wait.Until(t.Context(), tr.script(pending, pending, pending, pending, done))
		if err != nil || !slices.Equal(tr.pauses, want) {
			t.Errorf("first %s: pauses are %v, want %v: %v", first, tr.pauses, want, err)
		}
	}
}

func TestLate(t *testing.T) {
	t.Parallel()
	tr := &trial{}
	err := tr.wait(10*time.Minute).Until(t.Context(), tr.script(pending))

	late := (*patience.LateError)(nil)
	if !errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) || err.Error() != "waited 10m0s for snapshot snap-1, which is still pending" {
		t.Errorf("error is %v", err)
	}
	if len(tr.notes) != 4 { // after silences of 1, 2, 4 and 8 minutes
		t.Errorf("notes are %q", tr.notes)
	}

	for _, note := range tr.notes {
		if !strings.HasPrefix(note, "still waiting for snapshot snap-1, which is pending: ") || !strings.HasSuffix(note, " of at most 10m0s") {
			t.Errorf("note is %q", note)
		}
	}
}

// A call that never returns ends with the limit.
func TestLateWithinACall(t *testing.T) {
	t.Parallel()
	tr := &trial{}
	err := tr.wait(20*time.Millisecond).Until(t.Context(), func(ctx context.Context) (patience.Answer, error) {
		<-ctx.Done()
		return patience.Answer{}, ctx.Err()
	})
	if late := (*patience.LateError)(nil); !errors.As(err, &late) || err.Error() != "waited 20ms for snapshot snap-1" {
		t.Errorf("error is %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	denied := errors.New("denied")

	many := func(n int, last any) []any { return append(slices.Repeat([]any{throttled{}}, n), last) }
	for name, test := range map[string]struct {
		answers []any
		want    error
		notes   int
	}{
		"passes":                 {answers: many(10, done), notes: 1},
		"passes, and once again": {answers: slices.Concat(many(10, pending), many(10, done)), notes: 2},
		"does not pass":          {answers: []any{pending, denied}, want: denied},
		"passes too often":       {answers: many(11, done), want: throttled{}, notes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := &trial{}
			err := tr.wait(24*time.Hour).Until(t.Context(), tr.script(test.answers...))
			if !errors.Is(err, test.want) {
				t.Errorf("error is %v, want %v", err, test.want)
			}
			asked := slices.DeleteFunc(tr.notes, func(note string) bool { return note != "look: throttled; asking again" })
			if len(asked) != test.notes {
				t.Errorf("%d notes, want %d: %q", len(asked), test.notes, tr.notes)
			}
		})
	}
}

// An interruption is the reason a wait ended, whatever error the interrupted call returned.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]any{"while it paused": pending, "while it asked": errors.New("broken pipe")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancel(t.Context())
			tr := &trial{}
			answer := tr.script(broken)
			err := tr.wait(time.Hour).Until(ctx, func(ctx context.Context) (patience.Answer, error) {
				interrupt()
				return answer(ctx)
			})
			if !errors.Is(err, context.Canceled) || err.Error() != "wait for snapshot snap-1: context canceled" {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestSleepEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if err := patience.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
