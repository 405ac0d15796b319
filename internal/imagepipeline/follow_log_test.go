package imagepipeline_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/imagepipeline"
)

// A user who may not read the log can still follow, unless they asked for the log.
func TestFollowWithoutTheLog(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]func(imagepipeline.Line) error{"steps": nil, "lines": func(imagepipeline.Line) error { return nil }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := building(t, goingWell())
			f.follow.Line = line
			f.set(at(500))
			f.Fail("logs", "GetLogEvents", denied, 1)
			told, build, err := f.run(t.Context())

			if line != nil && err == nil {
				t.Error("nothing was said")
			}
			note := "note   0s read log images 1.0.4/1: not authorized (AccessDeniedException): allow the action in the IAM policy of these credentials, or use others; following without the log\n"
			if line == nil && (err != nil || build.AMI == "" || strings.Count(told, note) != 1 || strings.Contains(told, "step-output")) {
				t.Errorf("%+v, %v\n%s", build, err, told)
			}
		})
	}
}

// As long as lines keep coming after the end, they are waited for.
func TestFollowWaitsForTheLog(t *testing.T) {
	t.Parallel()
	f := building(t, goingWell())
	var late []string
	f.during = func(int) {
		for n := len(late); n < 30 && !at(98+4*n).After(f.Now()); n++ {
			late = append(late, "late "+itoa(n))
			f.Logs.WriteAt("images", "1.0.4/1", at(98+4*n), late[n])
		}
	}

	var got []string
	f.follow.Line = func(line imagepipeline.Line) error {
		if strings.HasPrefix(line.Text, "late ") {
			got = append(got, line.Text)
		}
		return nil
	}
	if _, _, err := f.run(t.Context()); err != nil || len(got) != 30 || !slices.Equal(got, late) {
		t.Errorf("got %d lines, %v", len(got), err)
	}
}

// The last lines explain a failure: 20 of them.
func TestFollowKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	script := goingWrong()
	for n := range 30 {
		script.Lines = append(script.Lines, itoa(n))
	}

	f := building(t, script)
	_, build, _ := f.run(t.Context())
	written := f.lines("1.0.4/1")
	if diff := cmp.Diff(written[len(written)-20:], build.Tail); diff != "" || !slices.Contains(build.Tail, "29") {
		t.Errorf("%v\n%s", build.Tail, diff)
	}
}

// The steps of a finished workflow are not requested again.
func TestFollowAsksNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	f := building(t, goingWell())
	f.set(at(500))
	if _, _, err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if asked := f.Calls("imagebuilder", "ListWorkflowStepExecutions"); asked != 2 || f.Calls("imagebuilder", "GetImage") < 2 {
		t.Errorf("the steps of two finished workflows were asked for %d times in %d looks", asked, f.Calls("imagebuilder", "GetImage"))
	}
}

// The printer receives each line once, in order, and can stop everything.
func TestFollowHandsOverLines(t *testing.T) {
	t.Parallel()
	f := building(t, goingWell())
	var got []string
	f.follow.Line = func(l imagepipeline.Line) error { got = append(got, l.Text); return nil }
	if _, _, err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.lines("1.0.4/1"), got); diff != "" || !slices.Contains(got, "Cloning into 'x'") {
		t.Error(diff)
	}

	full := errors.New("the disk is full")
	f = building(t, goingWell())
	f.follow.Line = func(imagepipeline.Line) error { return full }
	if _, _, err := f.run(t.Context()); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}
