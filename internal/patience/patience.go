// Package patience waits for work that goes on elsewhere: it asks, pauses and asks again, up to a limit.
//
// A wait always has a limit, which covers the calls as well as the pauses, and a name, which every error and every
// report of it says. It outlasts errors that may be over a moment later, and returns any other at once. Time passes
// through a Pause, so that tests need not wait. The package starts nothing and undoes nothing.
package patience

import (
	"context"
	"fmt"
	"time"

	"image-builder/internal/progress"
)

// Pause lets time pass. When the context is done first, it returns the context's error. Satisfied by Sleep.
type Pause func(ctx context.Context, d time.Duration) error

// Sleep pauses by this machine's clock.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Wait is one wait.
type Wait struct {
	For   string        // what is waited for, as a sentence names it: "snapshot snap-0abc"
	Limit time.Duration // how long at most, calls and pauses together
	// Pace is the longest pause between two calls; 0 means DefaultPace. Pauses start at First, grow by half each time, and
	// start again when something has changed.
	Pace   time.Duration
	First  time.Duration // 0 means a fifth of Pace
	Pause  Pause         // nil means Sleep
	Report progress.Func // hears of calls that must be repeated, and that a wait takes long
}

// DefaultPace is the longest pause of a Wait that names none.
const DefaultPace = 5 * time.Second

// missesAllowed is how many calls in a row may end with a passing error.
const missesAllowed = 10

// quiet is how long nothing changes before a wait is reported; then twice as long, and so on.
const quiet = time.Minute

// Answer is what one call learns about the wait.
type Answer struct {
	Done    bool   // it has come
	Changed bool   // something is new since the last call
	State   string // the current state, for people; may be empty
}

// LateError says that a wait reached its limit. It is a context.DeadlineExceeded.
type LateError struct {
	For   string
	State string // the last known state; may be empty
	Limit time.Duration
}

func (e *LateError) Error() string {
	if e.State == "" {
		return fmt.Sprintf("waited %s for %s", e.Limit, e.For)
	}
	return fmt.Sprintf("waited %s for %s, which is still %s", e.Limit, e.For, e.State)
}

// Is makes it a deadline that has passed.
func (e *LateError) Is(target error) bool { return target == context.DeadlineExceeded }

// Until calls ask until it answers Done. The context that ask gets ends with the limit.
//
// The error is a *LateError after the limit, wraps the context's error when that ends first, and is ask's own when it
// does not pass, or passed too often in a row: see Passes.
func (w Wait) Until(ctx context.Context, ask func(context.Context) (Answer, error)) error {
	c := course{Wait: w, pause: w.first(), nextNote: quiet}

	for c.spent < w.Limit {
		done, err := c.step(ctx, ask)
		if done || err != nil {
			return err
		}
		if err := c.rest(ctx); err != nil {
			return fmt.Errorf("wait for %s: %w", w.For, err)
		}
	}

	return c.late()
}

func (w Wait) pace() time.Duration {
	if w.Pace > 0 {
		return w.Pace
	}
	return DefaultPace
}

func (w Wait) first() time.Duration {
	if w.First > 0 {
		return min(w.First, w.pace())
	}
	return w.pace() / 5
}

// course is a wait that goes on.
type course struct {
	Wait
	spent    time.Duration
	pause    time.Duration // the next
	misses   int           // passing errors in a row
	silence  time.Duration // since something changed
	nextNote time.Duration // the silence that is reported next
	state    string
}

// step asks once. A passing error does not end the wait.
func (c *course) step(ctx context.Context, ask func(context.Context) (Answer, error)) (done bool, err error) {
	asking, stop := context.WithTimeout(ctx, c.Limit-c.spent)
	defer stop()
	began := time.Now()
	answer, err := ask(asking)
	c.took(time.Since(began))

	switch {
	case err == nil:
		c.misses = 0
		c.note(answer)
		return answer.Done, nil
	case ctx.Err() != nil:
		return false, fmt.Errorf("wait for %s: %w", c.For, ctx.Err()) // rather than the error of the call that it interrupted
	case asking.Err() != nil:
		return false, c.late()
	}

	return false, c.miss(err)
}

// note keeps the current state, and reports a long silence.
func (c *course) note(answer Answer) {
	c.state = answer.State
	if answer.Changed {
		c.pause = c.first()
		c.silence = 0
		c.nextNote = quiet
	}

	if answer.Done || c.silence < c.nextNote {
		return
	}

	text := "still waiting for " + c.For
	if c.state != "" {
		text += ", which is " + c.state
	}

	c.Report.Send(progress.Event{Kind: progress.Note, Text: fmt.Sprintf("%s: %s of at most %s", text, c.spent.Round(time.Second), c.Limit)})
	c.nextNote *= 2
}

// miss reports the first of several failed calls in a row. It returns the error that ends the wait.
func (c *course) miss(err error) error {
	c.misses++
	cause, passes := causeOf(err)
	if !passes || c.misses > missesAllowed {
		return err
	}
	if c.misses == 1 {
		c.Report.Send(progress.Event{Kind: progress.Note, Text: cause + "; asking again"})
	}
	return nil
}

// rest pauses, longer each time.
func (c *course) rest(ctx context.Context) error {
	pause := c.Pause
	if pause == nil {
		pause = Sleep
	}

	if err := pause(ctx, c.pause); err != nil {
		return err
	}

	c.took(c.pause)
	c.pause = min(c.pause*3/2, c.pace())
	return nil
}

func (c *course) took(d time.Duration) {
	c.spent += d
	c.silence += d
}

func (c *course) late() error { return &LateError{For: c.For, State: c.state, Limit: c.Limit} }
