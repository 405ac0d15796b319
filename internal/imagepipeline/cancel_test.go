package imagepipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/imagepipeline"
	"image-builder/internal/patience"
)

func cancelIn(m *memory) *imagepipeline.Cancel {
	return &imagepipeline.Cancel{Images: m, Canceller: m, Made: m, Wait: m.Wait, Pace: imagepipeline.Pace}
}

func TestCancelChooses(t *testing.T) {
	t.Parallel()
	busy := []imagepipeline.Image{
		{Version: "1.0.3/1", State: imagepipeline.Available, Created: at(0)},
		{Version: "1.0.4/1", State: "TESTING", Created: at(1)},
		{Version: "1.0.4/2", State: "PENDING", Created: at(2)},
	}
	for name, test := range map[string]struct {
		images []imagepipeline.Image
		name   string
		want   string // the version, or the error
		class  fault.Class
	}{
		"the only one":     {images: busy[:2], want: "1.0.4/1"},
		"of several":       {images: busy, want: "cancel build: several are under way: 1.0.4/2 (PENDING), 1.0.4/1 (TESTING)", class: fault.BadInput},
		"one of several":   {images: busy, name: "1.0.4/1", want: "1.0.4/1"},
		"the newest build": {images: busy, name: "1.0.4", want: "1.0.4/2"},
		"one that is done": {images: busy, name: "1.0.3/1", want: "1.0.3/1"},
		"of none":          {images: busy[:1], want: "cancel build: none is under way", class: fault.NotUsable},
		"an unknown one":   {images: busy, name: "2.0.0/1", want: "cancel build 2.0.0/1: the stack has no image of that version", class: fault.NotUsable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chosen, err := cancelIn(&memory{images: test.images}).Choose(t.Context(), pipelineARN, test.name)
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
	throttled := passing{errors.New("throttled")}
	for name, test := range map[string]struct {
		now      int           // seconds into the build
		stopping time.Duration // how long the build goes on
		faults   []error
		state    imagepipeline.State // of the image before
		want     imagepipeline.State
		err      string
		stops    []string
	}{
		"while it builds":         {now: 10, stopping: 30 * time.Second, want: imagepipeline.Cancelled, stops: []string{"token"}},
		"with one token":          {now: 10, faults: []error{throttled, throttled}, want: imagepipeline.Cancelled, stops: []string{"token", "token", "token"}},
		"too late":                {now: 200, faults: []error{errors.New("cannot be cancelled")}, want: imagepipeline.Available, stops: []string{"token"}},
		"done before":             {now: 200, state: imagepipeline.Available, want: imagepipeline.Available},
		"refused":                 {now: 10, faults: []error{errors.New("denied")}, want: "BUILDING", err: "denied", stops: []string{"token"}},
		"done before it took":     {now: 99, stopping: 30 * time.Second, want: imagepipeline.Available, stops: []string{"token"}},
		"looked at once more":     {now: 10, faults: []error{nil, throttled}, want: imagepipeline.Cancelled, stops: []string{"token"}},
		"never ends in its limit": {now: 60, stopping: time.Hour, want: "TESTING", err: "waited 15m0s for the end of build 1.0.4/1, which is still TESTING", stops: []string{"token"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := goingWell()
			if name == "never ends in its limit" {
				m.states = map[int]imagepipeline.State{0: "TESTING"}
			}
			m.now = at(test.now)
			m.stopping = test.stopping
			m.faults = test.faults
			one := imagepipeline.Image{ARN: imageARN, Version: "1.0.4/1", State: "BUILDING"}
			if test.state != "" {
				one.State = test.state
			}

			ended, err := cancelIn(m).Run(t.Context(), one, "token")
			if (err == nil) != (test.err == "") || (err != nil && err.Error() != test.err) || ended.State != test.want {
				t.Errorf("got %s, %v; want %s, %s", ended.State, err, test.want, test.err)
			}
			if late := (*patience.LateError)(nil); name == "never ends in its limit" && !errors.As(err, &late) {
				t.Errorf("%T is no LateError", err)
			}
			if diff := cmp.Diff(test.stops, m.stops); diff != "" {
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
	m := goingWell()
	m.now = at(10)
	m.stopping = time.Minute
	one := imagepipeline.Image{ARN: imageARN, Version: "1.0.4/1", State: "BUILDING"}
	if _, err := cancelIn(m).Run(ctx, one, "token"); !errors.Is(err, context.Canceled) || len(m.stops) != 1 || m.states[70] != imagepipeline.Cancelled {
		t.Errorf("got %v after %d calls", err, len(m.stops))
	}
}

func TestCancelLeftovers(t *testing.T) {
	t.Parallel()
	m := &memory{amis: []image.AMI{{ID: "ami-0left"}}}
	left, err := cancelIn(m).Leftovers(t.Context(), imagepipeline.Image{ARN: imageARN})
	if err != nil || len(left) != 1 || left[0].ID != "ami-0left" {
		t.Errorf("got %v, %v", left, err)
	}
}
