package imagepipeline_test

import (
	"context"
	"testing"
	"time"

	"image-builder/internal/imagepipeline"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/wire"
)

// remaining is a build that stays in a status for an hour.
func remaining(status string) imagebuilder.Script {
	return imagebuilder.Script{Lasts: map[string]time.Duration{status: time.Hour}}
}

// built has one image.
func built(t *testing.T, a *account) {
	t.Helper()
	a.ImageBuilder.Finish(a.start(t, imagebuilder.Script{}))
}

// busy has one image, and builds two more.
func busy(t *testing.T, a *account) {
	t.Helper()
	built(t, a)
	a.set(at(1))
	a.start(t, remaining("TESTING"))
	a.set(at(2))
	a.start(t, remaining("PENDING"))
}

func TestStart(t *testing.T) {
	t.Parallel()
	const operation = "StartImagePipelineExecution"
	refusal := ": not authorized (AccessDeniedException): allow the action in the IAM policy of these credentials, or use others"

	for name, test := range map[string]struct {
		before func(*testing.T, *account)
		again  bool
		faults func(*account)
		want   string // the version, or the error
		starts int    // of builds
	}{
		"a first build":              {want: "1.0.4/1", starts: 1},
		"after others":               {before: built, want: "1.0.4/2", starts: 1},
		"while others are under way": {before: busy, want: "start build: one is under way already: 1.0.4/3 (PENDING), 1.0.4/2 (TESTING)"},
		"beside others":              {before: busy, again: true, want: "1.0.4/4", starts: 1},
		"throttled":                  {again: true, faults: func(a *account) { a.Fail("imagebuilder", operation, throttled, 2) }, want: "1.0.4/1", starts: 1},
		"with the same token until there is an answer": {
			again: true, faults: func(a *account) { a.Fail("imagebuilder", operation, wire.CutLate, 2) }, want: "1.0.4/1", starts: 1,
		},
		"refused":     {again: true, faults: func(a *account) { a.Fail("imagebuilder", operation, denied, 1) }, want: "start build" + refusal},
		"never tells": {faults: func(a *account) { a.Fail("imagebuilder", "ListImagePipelineImages", denied, 1) }, want: "list images of nightly" + refusal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)

			if test.before != nil {
				test.before(t, a)
			}

			if test.faults != nil {
				test.faults(a)
			}

			before := a.images()
			start := &imagepipeline.Start{Images: a.builder, Starter: a.builder, Wait: a.wait, Pace: imagepipeline.Pace}
			image, err := start.Run(t.Context(), a.pipeline, "token", test.again)
			got := image.Version

			if err != nil {
				got = err.Error()
			}

			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if started := a.images() - before; started != test.starts {
				t.Errorf("%d builds were started, want %d", started, test.starts)
			}
		})
	}
}

// A user who interrupts a start after it was sent still learns what was started.
func TestStartIsNotLeftHalfway(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	a := open(t)
	start := &imagepipeline.Start{Images: a.builder, Starter: a.builder, Wait: a.wait}
	if image, err := start.Run(ctx, a.pipeline, "token", true); err != nil || image.Version != "1.0.4/1" || a.images() != 1 {
		t.Errorf("got %+v, %v; %d builds", image, err, a.images())
	}
}

func TestOutputHolds(t *testing.T) {
	t.Parallel()
	refused := "look at parameter /out: not authorized (AccessDeniedException): allow the action in the IAM policy of these credentials, or use others"
	for name, test := range map[string]struct {
		held, want string
		later      string // value after the third pause
		denied     bool
		least      int // pauses
		most       int
	}{
		"at once":        {held: "ami-0new", want: "ami-0new"},
		"later":          {held: "ami-0old", later: "ami-0new", want: "ami-0new", least: 3, most: 3},
		"another":        {held: "ami-0other", want: "ami-0other", least: 1, most: 100},
		"not there":      {least: 1, most: 100}, // real time counts towards the limit, so the number varies
		"not to be read": {denied: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)

			if test.held != "" {
				a.put("/out", test.held)
			}

			if test.denied {
				a.Fail("ssm", "GetParameter", denied, 1)
			}

			a.during = func(waits int) {
				if waits == 3 && test.later != "" {
					a.put("/out", test.later)
				}
			}

			output := &imagepipeline.Output{Parameters: a.parameters, Wait: a.wait, Pace: imagepipeline.Pace}
			value, err := output.Holds(t.Context(), "/out", "ami-0new")
			if test.denied != (err != nil) || (err != nil && err.Error() != refused) {
				t.Errorf("error is %v", err)
			}
			if value != test.want || a.waits < test.least || a.waits > test.most {
				t.Errorf("got %q after %d pauses", value, a.waits)
			}
		})
	}
}
