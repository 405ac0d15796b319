package imagepipeline

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
)

// Pace is the default for the longest pause between two looks.
const Pace = 5 * time.Second

// longest is how long a build is watched at most.
const longest = 24 * time.Hour

// How many looks must find nothing new after a build has ended: the last lines of its log come late, and those of a
// failed build say why it failed.
const (
	quietLooks       = 2
	quietLooksFailed = 5
)

// Follow watches one build until it has ended.
type Follow struct {
	Images    Images
	Workflows Workflows
	Logs      Logs
	Group     string // the log group of the builds
	// Report receives workflows as stages, their steps, and each log line as output of the step that ran when it was
	// written.
	Report progress.Func
	Line   func(Line) error // also receives each line of the log; may be nil
	Wait   patience.Pause
	Pace   time.Duration // the longest pause between two looks
}

// Build is a build that has ended.
type Build struct {
	Image
	Elapsed image.Duration `json:"elapsed"` // from the first workflow's start to the last one's end
	Failed  *Step          `json:"failedStep,omitempty"`
	Culprit *Culprit       `json:"culprit,omitempty"` // if its log names one
	Tail    []string       `json:"tail,omitempty"`    // the last lines of its log, if it failed
}

// DetachedError says that a build is no longer watched. The build continues.
type DetachedError struct {
	Image Image
	Err   error
}

func (e *DetachedError) Error() string {
	if !e.Image.State.Building() {
		return fmt.Sprintf("follow build %s, which is %s: %s", e.Image.Version, e.Image.State, e.Err)
	}
	return fmt.Sprintf("follow build %s, which goes on: %s", e.Image.Version, e.Err)
}

func (e *DetachedError) Unwrap() error { return e.Err }

// FailedError says that a build ended without an AMI.
type FailedError struct{ Build Build }

func (e *FailedError) Error() string {
	b := e.Build
	if b.State == Cancelled {
		return fmt.Sprintf("build %s was cancelled", b.Version)
	}
	return fmt.Sprintf("build %s failed: %s", b.Version, b.Why())
}

// Class is that of failures.
func (e *FailedError) Class() fault.Class { return fault.Failed }

// Hint returns the next action; "" where only the log can help.
func (e *FailedError) Hint() string { return hintFor(e.Build.Why()) }

// Output returns the last lines of its log; the log itself is on AWS.
func (e *FailedError) Output() (log string, tail []string) { return "", e.Build.Tail }

// Why says in a sentence why a build failed: the workflow step, Image Builder's reason, and the document's step.
func (b Build) Why() string {
	var parts []string
	reason := Brief(b.Reason)

	if b.Failed != nil {
		parts = append(parts, b.Failed.Name)
		reason = cmp.Or(reason, Brief(b.Failed.Message))
	}

	if reason != "" {
		parts = append(parts, strings.TrimRight(reason, "!."))
	}

	if b.Culprit != nil {
		parts = append(parts, b.Culprit.String())
	}

	return cmp.Or(strings.Join(parts, ": "), "Image Builder gives no reason")
}

// Run watches an image's build from its first log line on. It returns a *FailedError if the build failed or was
// cancelled, a *DetachedError if it could not watch to the end.
func (f *Follow) Run(ctx context.Context, arn string) (Build, error) {
	w := newWatch(f, arn)
	defer f.Report.Stage("image " + w.image.Version)()
	if err := f.watch(ctx, w); err != nil {
		return Build{Image: w.image}, &DetachedError{Image: w.image, Err: err}
	}

	build := w.conclude()
	if build.State == Failed || build.State == Cancelled {
		return build, &FailedError{Build: build}
	}

	return build, nil
}

// watch looks at the build until it has ended and nothing more comes.
func (f *Follow) watch(ctx context.Context, w *watch) error {
	quiet := 0 // looks in a row without news, after the end
	wait := patience.Wait{For: "build " + w.image.Version, Limit: longest, Pace: f.Pace, Pause: f.Wait, Report: f.Report}
	return wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		fresh, err := w.look(ctx)
		if err != nil {
			return patience.Answer{}, err
		}

		quiet++
		if fresh || w.image.State.Building() {
			quiet = 0
		}

		allowed := quietLooks
		if w.image.State == Failed {
			allowed = quietLooksFailed
		}

		return patience.Answer{Done: quiet > allowed, Changed: fresh, State: string(w.image.State)}, nil
	})
}
