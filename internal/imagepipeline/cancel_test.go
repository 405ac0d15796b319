package imagepipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/fault"
	"image-builder/internal/imagepipeline"
	"image-builder/internal/patience"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/wire"
)

// tokens passes cancellations on, and keeps their tokens.
type tokens struct {
	imagepipeline.Canceller
	sent []string
}

func (c *tokens) CancelBuild(ctx context.Context, image, token string) error {
	c.sent = append(c.sent, token)
	return c.Canceller.CancelBuild(ctx, image, token)
}

func (a *account) cancel() (*imagepipeline.Cancel, *tokens) {
	calls := &tokens{Canceller: a.builder}
	return &imagepipeline.Cancel{Images: a.builder, Canceller: calls, Made: a.machines, Wait: a.wait, Pace: imagepipeline.Pace}, calls
}

// stopping is goingWell, but goes on for so long after it was cancelled.
func stopping(d time.Duration) imagebuilder.Script {
	script := goingWell()
	script.Stops = d
	return script
}

func TestCancelChooses(t *testing.T) {
	t.Parallel()
	oneBuilding := func(t *testing.T, a *account) {
		t.Helper()
		built(t, a)
		a.set(at(1))
		a.start(t, remaining("TESTING"))
	}
	for name, test := range map[string]struct {
		before func(*testing.T, *account)
		name   string
		want   string // the version, or the error
		class  fault.Class
	}{
		"the only one":     {before: oneBuilding, want: "1.0.4/2"},
		"of several":       {before: busy, want: "cancel build: several are under way: 1.0.4/3 (PENDING), 1.0.4/2 (TESTING)", class: fault.BadInput},
		"one of several":   {before: busy, name: "1.0.4/2", want: "1.0.4/2"},
		"the newest build": {before: busy, name: "1.0.4", want: "1.0.4/3"},
		"one that is done": {before: busy, name: "1.0.4/1", want: "1.0.4/1"},
		"of none":          {before: built, want: "cancel build: none is under way", class: fault.NotUsable},
		"an unknown one":   {before: busy, name: "2.0.0/1", want: "cancel build 2.0.0/1: the stack has no image of that version", class: fault.NotUsable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)
			test.before(t, a)
			c, _ := a.cancel()
			chosen, err := c.Choose(t.Context(), a.pipeline, test.name)
			got := chosen.Version

			if err != nil {
				got = err.Error()
			}

			if got != test.want || fault.ClassOf(err) != test.class {
				t.Errorf("got %s (%d), want %s (%d)", got, fault.ClassOf(err), test.want, test.class)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	const operation = "CancelImageCreation"
	endless := stopping(time.Hour)
	endless.Lasts = map[string]time.Duration{"TESTING": 48 * time.Hour}

	for name, test := range map[string]struct {
		script imagebuilder.Script
		now    int // seconds into the build
		faults func(*account)
		state  imagepipeline.State // of the image before
		want   imagepipeline.State
		err    string
		tokens []string
	}{
		"while it builds":         {script: stopping(30 * time.Second), now: 10, want: imagepipeline.Cancelled, tokens: []string{"token"}},
		"throttled":               {script: goingWell(), now: 10, faults: func(a *account) { a.Fail("imagebuilder", operation, throttled, 2) }, want: imagepipeline.Cancelled, tokens: []string{"token", "token", "token"}},
		"with one token":          {script: goingWell(), now: 10, faults: func(a *account) { a.Fail("imagebuilder", operation, wire.CutLate, 2) }, want: imagepipeline.Cancelled, tokens: []string{"token", "token", "token"}},
		"too late":                {script: goingWell(), now: 200, want: imagepipeline.Available, tokens: []string{"token"}},
		"done before":             {script: goingWell(), now: 200, state: imagepipeline.Available, want: imagepipeline.Available},
		"refused":                 {script: goingWell(), now: 10, faults: func(a *account) { a.Fail("imagebuilder", operation, denied, 1) }, want: "BUILDING", err: "cancel build 1.0.4/1: not authorized (AccessDeniedException): allow the action in the IAM policy of these credentials, or use others", tokens: []string{"token"}},
		"done before it took":     {script: stopping(30 * time.Second), now: 99, want: imagepipeline.Available, tokens: []string{"token"}},
		"looked at once more":     {script: goingWell(), now: 10, faults: func(a *account) { a.Fail("imagebuilder", "GetImage", throttled, 1) }, want: imagepipeline.Cancelled, tokens: []string{"token"}},
		"never ends in its limit": {script: endless, now: 60, want: "TESTING", err: "waited 15m0s for the end of build 1.0.4/1, which is still TESTING", tokens: []string{"token"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)
			one := imagepipeline.Image{ARN: a.start(t, test.script), Version: "1.0.4/1", State: "BUILDING"}
			a.set(at(test.now))

			if test.state != "" {
				one.State = test.state
			}

			if test.faults != nil {
				test.faults(a)
			}

			c, calls := a.cancel()
			ended, err := c.Run(t.Context(), one, "token")
			if (err == nil) != (test.err == "") || (err != nil && err.Error() != test.err) || ended.State != test.want {
				t.Errorf("got %s, %v; want %s, %s", ended.State, err, test.want, test.err)
			}
			if late := (*patience.LateError)(nil); name == "never ends in its limit" && !errors.As(err, &late) {
				t.Errorf("%T is not a LateError", err)
			}
			if diff := cmp.Diff(test.tokens, calls.sent); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A user who interrupts has cancelled all the same, and the wait ends.
func TestCancelInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	a := open(t)
	one := imagepipeline.Image{ARN: a.start(t, stopping(time.Minute)), Version: "1.0.4/1", State: "BUILDING"}
	a.set(at(10))
	c, calls := a.cancel()
	if _, err := c.Run(ctx, one, "token"); !errors.Is(err, context.Canceled) || len(calls.sent) != 1 {
		t.Errorf("got %v after %d calls", err, len(calls.sent))
	}
	if status := a.ImageBuilder.Finish(one.ARN); status != "CANCELLED" {
		t.Errorf("the build became %s", status)
	}
}

// A build that is cancelled while its AMI is distributed leaves the AMI behind.
func TestCancelLeftovers(t *testing.T) {
	t.Parallel()
	a := open(t)
	one := imagepipeline.Image{ARN: a.start(t, goingWell()), Version: "1.0.4/1", State: "DISTRIBUTING"}
	a.set(at(95))
	c, _ := a.cancel()
	ended, err := c.Run(t.Context(), one, "token")
	if err != nil || ended.State != imagepipeline.Cancelled {
		t.Fatalf("got %s, %v", ended.State, err)
	}
	left, err := c.Leftovers(t.Context(), one)
	if err != nil || len(left) != 1 || left[0].ID != a.ami(1) {
		t.Errorf("got %v, %v; want %s", left, err, a.ami(1))
	}
}
