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
)

// followed follows the build in memory and returns the reports, one event a line.
func followed(ctx context.Context, m *memory, line func(imagepipeline.Line) error) (string, imagepipeline.Build, error) {
	var told strings.Builder
	f := &imagepipeline.Follow{
		Images: m, Workflows: m, Logs: m, Group: "images", Line: line, Wait: m.Wait, Pace: imagepipeline.Pace,
		Report: func(e progress.Event) {
			if e.Kind == progress.StageDone && strings.HasPrefix(e.Stage, "image ") {
				e.Elapsed = 0 // real time
			}
			fmt.Fprintln(&told, e.Kind, e.Stage+stepName(e.Step), e.Status, e.Elapsed, e.Text)
		},
	}

	build, err := f.Run(ctx, imageARN)
	return told.String(), build, err
}

func stepName(step *progress.Step) string {
	if step == nil {
		return ""
	}
	return step.Document + "/" + step.Phase + "/" + step.Name
}

const wellTold = `stage-started image 1.0.4/1  0s 
stage-started build-image  0s 
step-started build-image/build/LaunchBuildInstance  0s 
step-done build-image/build/LaunchBuildInstance success 17s 
step-started build-image/build/ApplyBuildComponents  0s 
step-output build-image/build/ApplyBuildComponents  0s Cloning into 'x'
step-output build-image/build/ApplyBuildComponents  0s done
step-done build-image/build/ApplyBuildComponents success 29s 
step-done build-image/build/RunSysPrepScript skipped 0s 
stage-done build-image  58s 
stage-started test-image  0s 
step-started test-image/test/LaunchTestInstance  0s 
step-output test-image/test/LaunchTestInstance  0s tests pass
step-done test-image/test/LaunchTestInstance success 27s 
stage-done test-image  29s 
stage-done image 1.0.4/1  0s 
`

func TestFollow(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*memory){
		"from the beginning": func(*memory) {},
		"when it is over":    func(m *memory) { m.now = at(500) },
		"by halves":          func(m *memory) { m.now = at(25) },
		"with a longer name of the stream": func(m *memory) {
			m.lines["nightly/1.0.4/1"] = m.lines["1.0.4/1"]
			m.lines["nightly/1.0.3/1"] = []imagepipeline.Line{{Text: "another"}}
			delete(m.lines, "1.0.4/1")
		},
		"with pages of two":        func(m *memory) { m.pageSize = 2; m.now = at(500) },
		"with a minute's lateness": func(m *memory) { m.now = at(30); m.late = 5 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := goingWell()
			change(m)
			told, build, err := followed(t.Context(), m, nil)
			if err != nil || build.AMI != "ami-0new" || time.Duration(build.Elapsed) != 88*time.Second || build.Failed != nil || build.Tail != nil {
				t.Errorf("built %+v, %v", build, err)
			}
			if diff := cmp.Diff(wellTold, told); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A failed step is reported last, after its lines, which may come late.
func TestFollowFailed(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]time.Duration{"lines at once": 0, "lines when all is over": 16 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := goingWrong()
			m.late = late
			told, build, err := followed(t.Context(), m, nil)

			failed := (*imagepipeline.FailedError)(nil)
			if !errors.As(err, &failed) || err.Error() != "build 1.0.4/1 failed: ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed" {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"Cloning into 'x'", "fatal: no route"}, build.Tail); diff != "" {
				t.Error(diff)
			}

			last := `step-done build-image/build/ApplyBuildComponents failed 29s Document nightly-bootstrap 1.0.0 failed!
stage-done build-image  56s 
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
	for name, test := range map[string]struct {
		change func(*memory)
		want   string
	}{
		"cancelled": {
			func(m *memory) {
				m.states[40] = imagepipeline.Cancelled
				delete(m.states, 60)
				delete(m.states, 90)
				delete(m.states, 100)
			},
			"build 1.0.4/1 was cancelled",
		},
		"failed before any step": {
			func(m *memory) {
				m.states = map[int]imagepipeline.State{0: imagepipeline.Failed}
				m.reason = "Error resolving parent image"
				m.workflows = nil
				m.lines = nil
			},
			"build 1.0.4/1 failed: Error resolving parent image",
		},
		"failed without a reason": {
			func(m *memory) {
				m.states = map[int]imagepipeline.State{0: imagepipeline.Failed}
				m.workflows = nil
				m.lines = nil
			},
			"build 1.0.4/1 failed: Image Builder gives no reason",
		},
		"refused": {
			func(m *memory) { m.faults = []error{errors.New("the credentials have expired")} },
			"follow build 1.0.4/1, which goes on: the credentials have expired",
		},
		"not answered for too long": {
			func(m *memory) {
				for range 11 {
					m.faults = append(m.faults, passing{errors.New("throttled")})
				}
			},
			"follow build 1.0.4/1, which goes on: throttled",
		},
		"not over after a day": {
			func(m *memory) { m.states = map[int]imagepipeline.State{0: "BUILDING"} },
			"follow build 1.0.4/1, which goes on: waited 24h0m0s for build 1.0.4/1, which is still BUILDING",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := goingWell()
			test.change(m)

			_, build, err := followed(t.Context(), m, nil)
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

// Whichever request fails, nothing is reported twice and nothing is lost.
func TestFollowThroughFaults(t *testing.T) {
	t.Parallel()
	for lost := range 12 {
		t.Run(fmt.Sprint("question ", lost), func(t *testing.T) {
			t.Parallel()
			m := goingWell()
			m.now = at(80)
			m.faults = make([]error, lost, lost+2)
			m.faults = append(m.faults, passing{errors.New("throttled")}, passing{errors.New("throttled")})
			told, build, err := followed(t.Context(), m, nil)
			if err != nil || build.AMI != "ami-0new" {
				t.Errorf("built %+v, %v", build, err)
			}

			note := "note   0s cause: throttled; asking again\n"
			if strings.Count(told, note) != 1 {
				t.Error(told)
			}
			if diff := cmp.Diff(wellTold, strings.Replace(told, note, "", 1)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFollowInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	m := goingWell()
	m.interrupt = func(waits int) {
		if waits == 3 {
			interrupt()
		}
	}

	_, _, err := followed(ctx, m, nil)
	detached := (*imagepipeline.DetachedError)(nil)
	if !errors.As(err, &detached) || !errors.Is(err, context.Canceled) || detached.Image.Version != "1.0.4/1" {
		t.Errorf("got %v", err)
	}
	// The call that an interruption broke is not the reason why following ended.
	ctx, interrupt = context.WithCancel(t.Context())
	_, _, err = followed(ctx, goingWell(), func(imagepipeline.Line) error { interrupt(); return errors.New("broken pipe") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A user who may not read the log can still follow, unless they asked for the log.
func TestFollowWithoutTheLog(t *testing.T) {
	t.Parallel()
	denied := []error{nil, nil, nil, nil, errors.New("denied")} // image, workflows, steps twice, lines
	m := goingWell()
	m.now = at(500)
	m.faults = denied
	told, build, err := followed(t.Context(), m, nil)
	if err != nil || build.AMI != "ami-0new" || strings.Count(told, "note   0s denied; following without the log\n") != 1 || strings.Contains(told, "step-output") {
		t.Errorf("%+v, %v\n%s", build, err, told)
	}

	m = goingWell()
	m.now = at(500)
	m.faults = denied
	_, _, err = followed(t.Context(), m, func(imagepipeline.Line) error { return nil })
	if err == nil {
		t.Error("nothing was said")
	}
}

// As long as lines keep coming after the end, they are waited for.
func TestFollowWaitsForTheLog(t *testing.T) {
	t.Parallel()
	m := goingWell()
	m.lines["1.0.4/1"] = nil
	for n := range 30 {
		m.lines["1.0.4/1"] = append(m.lines["1.0.4/1"], imagepipeline.Line{Time: at(98 + 4*n), Text: itoa(n)})
	}

	count := 0
	_, _, err := followed(t.Context(), m, func(imagepipeline.Line) error { count++; return nil })
	if err != nil || count != 30 {
		t.Errorf("got %d lines, %v", count, err)
	}
	m = goingWrong()
	for n := range 30 {
		m.lines["1.0.4/1"] = append(m.lines["1.0.4/1"], imagepipeline.Line{Time: at(50), Text: itoa(n)})
	}

	if _, build, _ := followed(t.Context(), m, nil); len(build.Tail) != 20 || build.Tail[19] != "29" {
		t.Errorf("the last lines are %v", build.Tail)
	}
}

// The steps of a finished workflow are not requested again.
func TestFollowAsksNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	m := goingWell()
	m.now = at(500)
	if _, _, err := followed(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"wf-1": 1, "wf-2": 1}, m.asked); diff != "" {
		t.Error(diff)
	}
}

// The printer receives each line once, in order, and can stop everything.
func TestFollowHandsOverLines(t *testing.T) {
	t.Parallel()
	var got []string
	_, _, err := followed(t.Context(), goingWell(), func(l imagepipeline.Line) error { got = append(got, l.Text); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Cloning into 'x'", "done", "tests pass"}, got); diff != "" {
		t.Error(diff)
	}

	full := errors.New("the disk is full")
	_, _, err = followed(t.Context(), goingWell(), func(imagepipeline.Line) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestCulprit(t *testing.T) {
	t.Parallel()
	block := "Document: nightly-bootstrap\n  ComponentArn: arn:x\n  Phase: build\n  Step: Run\n  Action: ExecuteBash"

	for name, test := range map[string]struct{ log, want string }{
		"none":                    {"Cloning", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed"},
		"with a message":          {block + "\n  ErrorMessage: exit status 1\n  Stderr: no route", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed: step Run of phase build: exit status 1"},
		"without":                 {block + "\nStderr: x", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed: step Run of phase build"},
		"the first counts":        {block + "\n" + strings.ReplaceAll(block, "Run", "Other") + "\nErrorMessage: x", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed: step Run of phase build"},
		"lines like it":           {"Step: 3 of 5\nErrorMessage: x\nDocument: y\nPhase: z", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed"},
		"after another beginning": {"Document: y\n" + block, "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed: step Run of phase build"},
		"broken off":              {block[:60], "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := goingWrong()
			m.lines["1.0.4/1"] = nil
			for text := range strings.Lines(test.log) {
				m.lines["1.0.4/1"] = append(m.lines["1.0.4/1"], imagepipeline.Line{Time: at(40), Text: strings.TrimSuffix(text, "\n")})
			}
			_, build, _ := followed(t.Context(), m, nil)
			if got := build.Why(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
