package imagepipeline_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/imagepipeline"
)

func TestStart(t *testing.T) {
	t.Parallel()
	throttled := passing{errors.New("throttled")}

	busy := []imagepipeline.Image{
		{Version: "1.0.3/1", State: imagepipeline.Available, Created: at(0)},
		{Version: "1.0.4/1", State: "TESTING", Created: at(1)},
		{Version: "1.0.4/2", State: "PENDING", Created: at(2)},
	}
	for name, test := range map[string]struct {
		images []imagepipeline.Image
		again  bool
		faults []error
		want   string // the version, or the error
		tokens []string
	}{
		"a first build":              {want: "1.0.5/1", tokens: []string{"token"}},
		"after others":               {images: busy[:1], want: "1.0.5/1", tokens: []string{"token"}},
		"while others are under way": {images: busy, want: "start build: one is under way already: 1.0.4/2 (PENDING), 1.0.4/1 (TESTING)"},
		"beside others":              {images: busy, again: true, want: "1.0.5/1", tokens: []string{"token"}},
		"with the same token until there is an answer": {
			again: true, faults: []error{throttled, throttled}, want: "1.0.5/1", tokens: []string{"token", "token", "token"},
		},
		"refused":     {again: true, faults: []error{errors.New("denied")}, want: "denied", tokens: []string{"token"}},
		"never tells": {faults: []error{errors.New("denied")}, want: "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{images: test.images, faults: test.faults}
			start := &imagepipeline.Start{Images: m, Starter: m, Wait: m.Wait, Pace: imagepipeline.Pace}
			image, err := start.Run(t.Context(), pipelineARN, "token", test.again)
			got := image.Version

			if err != nil {
				got = err.Error()
			}

			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if diff := cmp.Diff(test.tokens, m.tokens); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A user who interrupts a start after it was sent still learns what was started.
func TestStartIsNotLeftHalfway(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	m := &memory{}
	start := &imagepipeline.Start{Images: m, Starter: m, Wait: m.Wait}
	if image, err := start.Run(ctx, pipelineARN, "token", true); err != nil || image.Version != "1.0.5/1" {
		t.Errorf("got %+v, %v", image, err)
	}
}

func TestOutputHolds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		later, want string
		err         error
		waits       int // at least one if more than 0: real time counts towards the limit, so the number varies
	}{
		"at once":        {later: "ami-0new", want: "ami-0new"},
		"another":        {later: "ami-0other", want: "ami-0other", waits: 1},
		"not there":      {waits: 1},
		"not to be read": {err: errors.New("denied")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{values: map[string]string{}, faults: []error{test.err}}
			if test.later != "" {
				m.values["/out"] = test.later
			}
			output := &imagepipeline.Output{Parameters: m, Wait: m.Wait, Pace: imagepipeline.Pace}
			value, err := output.Holds(t.Context(), "/out", "ami-0new")
			if value != test.want || !errors.Is(err, test.err) || m.waits < test.waits || (test.waits == 0 && m.waits > 0) {
				t.Errorf("got %q, %v after %d waits", value, err, m.waits)
			}
		})
	}

	m := &memory{values: map[string]string{"/out": "ami-0old"}}
	m.interrupt = func(waits int) {
		if waits == 3 {
			m.values["/out"] = "ami-0new"
		}
	}

	output := &imagepipeline.Output{Parameters: m, Wait: m.Wait}
	if value, err := output.Holds(t.Context(), "/out", "ami-0new"); value != "ami-0new" || err != nil || m.waits != 3 {
		t.Errorf("got %q, %v after %d waits", value, err, m.waits)
	}
}
