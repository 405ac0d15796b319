package prove

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"image-builder/internal/component"
	"image-builder/internal/component/inside"
	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/sandbox/qemu"
)

// Failure says that an image failed its test.
type Failure struct {
	What string // "its root filesystem is full: …"
	Do   string // what to do next
	// Cause is what the machine or the step said; nil: What says it all.
	Cause error
	// Console are the last lines of the machine's console, if Cause does not show them.
	Console []string
}

func (f *Failure) Error() string {
	text := "test image: " + f.What
	switch {
	case f.Cause != nil && f.What == "":
		text += fault.Text(f.Cause)
	case f.Cause != nil:
		text += ": " + fault.Text(f.Cause)
	}

	if len(f.Console) == 0 || strings.Contains(text, consoleMark) {
		return text
	}
	return text + "; " + consoleMark + ":\n  " + strings.Join(f.Console, "\n  ")
}

// consoleMark is how messages introduce a console.
const consoleMark = "the console's last lines"

// Class is that of an image that cannot be used, unless the cause has another one.
func (f *Failure) Class() fault.Class {
	if f.Cause == nil {
		return fault.NotUsable
	}
	return fault.ClassOf(f.Cause)
}

// Hint says what to do next.
func (f *Failure) Hint() string { return f.Do }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// timeoutError says how long a test was allowed to take. It is a context.DeadlineExceeded.
type timeoutError time.Duration

func (e timeoutError) Error() string {
	return fmt.Sprintf("the test took longer than %s", time.Duration(e))
}

func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// explain says what an error of the test means for the image, and what to do next.
func explain(ctx context.Context, err error) error {
	if failure := (*Failure)(nil); errors.As(err, &failure) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("test image: %w", err)
	}

	again := "image-builder bake --test none keeps the image unproved, for image shell"
	var step *inside.StepError
	inStep := errors.As(err, &step)
	switch {
	case inStep && gone(err):
		return &Failure{
			What: fmt.Sprintf("step %s of %s switched the machine off or restarted it", step.Step.Name, step.Step.Document),
			Do:   "a test that needs a restart exits with 194, or uses the Reboot action", Cause: err,
		}

	case gone(err):
		return &Failure{What: "the machine ended before its tests", Do: again, Cause: err}
	case inStep && context.Cause(ctx) != nil:
		return &Failure{
			What: fmt.Sprintf("step %s of %s hangs", step.Step.Name, step.Step.Document),
			Do:   "give the step a timeoutSeconds, or raise timeout", Cause: errors.Join(context.Cause(ctx), err),
		}

	case inStep:
		next := again
		if step.Step.Log != "" {
			next = "its whole log is " + step.Step.Log + "; " + again
		}
		return &Failure{Do: next, Cause: err}

	case errors.As(err, new(*qemu.BootError)):
		return &Failure{
			What: "it does not boot", Cause: fault.New(fault.NotUsable, err, ""),
			Do: "see the console's last lines; image-builder bake --test none keeps the image unproved, for image boot and image shell",
		}

	case errors.As(err, new(*disk.Unusable)):
		return &Failure{What: "it does not boot", Do: fault.HintOf(err), Cause: err}
	}

	return fmt.Errorf("test image: %w", err)
}

// Tests lists the documents that have a test phase, as an image keeps them to be tested again.
func Tests(documents []inside.Document) ([]image.Test, error) {
	var tests []image.Test
	for _, d := range documents {
		parsed, _ := component.Parse(d.Name, d.Text)
		if parsed == nil || !hasTests(parsed) {
			continue
		}
		parameters, err := json.Marshal(d.Parameters)
		if err != nil {
			return nil, fmt.Errorf("keep test of %s: %w", d.Name, err)
		}
		tests = append(tests, image.Test{Name: d.Name, Document: string(d.Text), Parameters: parameters})
	}

	return tests, nil
}

func hasTests(d *component.Document) bool {
	for _, phase := range d.Phases {
		if phase.Name.Value == "test" {
			return true
		}
	}
	return false
}

func documentOf(test image.Test) (inside.Document, error) {
	d := inside.Document{Name: test.Name, Text: []byte(test.Document)}
	if err := json.Unmarshal(test.Parameters, &d.Parameters); err != nil {
		return d, fmt.Errorf("read test of %s: %w", test.Name, err)
	}
	return d, nil
}
