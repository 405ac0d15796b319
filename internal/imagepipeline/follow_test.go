package imagepipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/imagepipeline"
	"image-builder/internal/progress"
	"image-builder/internal/testbed/imagebuilder"
)

// following is a build in an account that is followed, and its reports, one event a line.
type following struct {
	*account
	image  string
	follow imagepipeline.Follow
	told   strings.Builder
}

// building starts a build in an account of its own.
func building(t *testing.T, script imagebuilder.Script) *following {
	t.Helper()
	a := open(t)
	f := &following{account: a, image: a.start(t, script)}
	f.follow = imagepipeline.Follow{
		Images: a.builder, Workflows: a.builder, Logs: a.logs, Group: "images", Wait: a.wait, Pace: imagepipeline.Pace,
		Report: func(e progress.Event) {
			if e.Kind == progress.StageDone && strings.HasPrefix(e.Stage, "image ") {
				e.Elapsed = 0 // real time
			}
			text := strings.NewReplacer("arn:aws:imagebuilder:eu-central-1:", "", a.base, "BASE").Replace(e.Text)
			fmt.Fprintln(&f.told, e.Kind, e.Stage+stepName(e.Step), e.Status, e.Elapsed, text)
		},
	}

	return f
}

func (f *following) run(ctx context.Context) (string, imagepipeline.Build, error) {
	build, err := f.follow.Run(ctx, f.image)
	return f.told.String(), build, err
}

func stepName(step *progress.Step) string {
	if step == nil {
		return ""
	}
	return step.Document + "/" + step.Phase + "/" + step.Name
}

func TestFollow(t *testing.T) {
	t.Parallel()
	longer := goingWell()
	longer.Stream = "nightly/1.0.4/1"

	asItIs := func(told string) string { return told }
	for name, test := range map[string]struct {
		script imagebuilder.Script
		change func(*following)
		order  func(told string) string
	}{
		"from the beginning": {goingWell(), func(*following) {}, asItIs},
		"when it is over":    {goingWell(), func(f *following) { f.set(at(500)) }, asItIs},
		"by halves":          {goingWell(), func(f *following) { f.set(at(25)) }, asItIs},
		"with a longer name of the stream": {longer, func(f *following) {
			f.Logs.Write("images", "nightly/1.0.3/1", "another")
		}, asItIs},
		"with pages of two": {goingWell(), func(f *following) {
			f.ImageBuilder.SetPageSize(2)
			f.Logs.SetPageSize(2)
			f.set(at(500))
		}, asItIs},
		"with late lines": {goingWell(), func(f *following) {
			f.Logs.Delay(5 * time.Second)
			f.set(at(30))
		}, apart},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := building(t, test.script)
			test.change(f)
			told, build, err := f.run(t.Context())
			if err != nil || build.AMI == "" || build.AMI != f.SSM.Value("/out") || time.Duration(build.Elapsed) != 87*time.Second || build.Failed != nil || build.Tail != nil {
				t.Errorf("built %+v, %v", build, err)
			}
			if diff := cmp.Diff(test.order(wellTold), test.order(told)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// apart moves the log's lines behind everything else: late ones may be reported after the end of the step that wrote
// them.
func apart(told string) string {
	var steps, output strings.Builder
	for line := range strings.Lines(told) {
		if strings.HasPrefix(line, "step-output ") {
			output.WriteString(line)
			continue
		}
		steps.WriteString(line)
	}

	return steps.String() + output.String()
}

// A failed step is reported last, after its lines, which may come late.
func TestFollowFailed(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]time.Duration{"lines at once": 0, "lines when all is over": 16 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := building(t, goingWrong())
			f.Logs.Delay(late)
			told, build, err := f.run(t.Context())

			failed := (*imagepipeline.FailedError)(nil)
			if !errors.As(err, &failed) || err.Error() != "build 1.0.4/1 failed: ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed: step Run of phase build: exit status 1" {
				t.Fatal(err)
			}
			written := f.lines("1.0.4/1")
			if diff := cmp.Diff(written[max(0, len(written)-20):], build.Tail); diff != "" {
				t.Error(diff)
			}

			last := `step-done build-image/build/ApplyBuildComponents failed 57s Document nightly-bootstrap 1.0.0 failed!
stage-done build-image  57s 
stage-done image 1.0.4/1  0s 
`
			if !strings.HasSuffix(told, last) || strings.Count(told, "step-output build-image/build/ApplyBuildComponents  0s fatal: no route\n") != 1 {
				t.Error(told)
			}
		})
	}
}

func TestFollowEndsOtherwise(t *testing.T) {
	t.Parallel()
	endless := goingWell()
	endless.Lasts = map[string]time.Duration{"BUILDING": 48 * time.Hour}

	for name, test := range map[string]struct {
		script imagebuilder.Script
		change func(*following)
		want   string
	}{
		"cancelled":               {goingWell(), (*following).cancelLater, "build 1.0.4/1 was cancelled"},
		"failed before any step":  {ending("Error resolving parent image"), nil, "build 1.0.4/1 failed: Error resolving parent image"},
		"failed without a reason": {ending(""), nil, "build 1.0.4/1 failed: Image Builder gives no reason"},
		"refused": {
			goingWell(), func(f *following) { f.Fail("", "", denied, 1) },
			"follow build 1.0.4/1, which goes on: get image 1.0.4/1: not authorized (AccessDeniedException): allow the action in the IAM policy of these credentials, or use others",
		},
		"not answered for too long": {
			goingWell(), func(f *following) { f.Fail("", "", throttled, 11) },
			"follow build 1.0.4/1, which goes on: get image 1.0.4/1: Rate exceeded (ThrottlingException): wait a minute, then run the same command again",
		},
		"not over after a day": {
			endless, func(f *following) { f.follow.Pace = time.Hour },
			"follow build 1.0.4/1, which goes on: waited 24h0m0s for build 1.0.4/1, which is still BUILDING",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := building(t, test.script)
			if test.change != nil {
				test.change(f)
			}

			_, build, err := f.run(t.Context())
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if build.AMI != "" {
				t.Errorf("there is an AMI: %+v", build)
			}
			if late := name == "not over after a day"; errors.Is(err, context.DeadlineExceeded) != late {
				t.Errorf("a deadline: %v", err)
			}
		})
	}
}

// cancelLater lets somebody cancel the build in its second half minute.
func (f *following) cancelLater() {
	f.during = func(int) {
		if now := f.Now(); now.After(at(30)) && now.Before(at(40)) {
			_, _ = f.Do("imagebuilder", "CancelImageCreation", map[string]any{"imageBuildVersionArn": f.image, "clientToken": "cancel"})
		}
	}
}

// Whichever request fails, nothing is reported twice and nothing is lost.
func TestFollowThroughFaults(t *testing.T) {
	t.Parallel()
	for lost := range 12 {
		t.Run(fmt.Sprint("question ", lost), func(t *testing.T) {
			t.Parallel()
			f := building(t, goingWell())
			f.set(at(80))
			f.FailAfter(lost, "", "", throttled, 2)
			told, build, err := f.run(t.Context())
			if err != nil || build.AMI == "" {
				t.Errorf("built %+v, %v", build, err)
			}

			var notes []string
			rest := strings.Builder{}
			for line := range strings.Lines(told) {
				if strings.HasSuffix(line, ": Rate exceeded (ThrottlingException); asking again\n") {
					notes = append(notes, line)
					continue
				}
				rest.WriteString(line)
			}

			if len(notes) != 1 {
				t.Error(notes)
			}
			if diff := cmp.Diff(wellTold, rest.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFollowInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	f := building(t, goingWell())
	f.during = func(waits int) {
		if waits == 3 {
			interrupt()
		}
	}

	_, _, err := f.run(ctx)
	detached := (*imagepipeline.DetachedError)(nil)
	if !errors.As(err, &detached) || !errors.Is(err, context.Canceled) || detached.Image.Version != "1.0.4/1" {
		t.Errorf("got %v", err)
	}
	// The call that an interruption broke is not the reason why following ended.
	ctx, interrupt = context.WithCancel(t.Context())
	f = building(t, goingWell())
	f.follow.Line = func(imagepipeline.Line) error { interrupt(); return errors.New("broken pipe") }
	if _, _, err = f.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
