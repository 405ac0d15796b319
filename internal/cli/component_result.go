package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"image-builder/internal/component"
	"image-builder/internal/fault"
	"image-builder/internal/progress"
	"image-builder/internal/terminal"
)

// watch shows progress: on stdout for a program that asked for a stream, else on stderr for people.
func (c *ComponentRunCmd) watch(env *Env) terminal.Watcher {
	switch {
	case c.Stream:
		return &streamer{out: env.Stdout}
	case c.Trace:
		return terminal.Silent{} // the console log is printed instead
	}
	return env.watcher()
}

// streamer prints each event as a line of JSON.
type streamer struct{ out io.Writer }

func (s *streamer) Report(e progress.Event) {
	text, err := json.Marshal(e)
	if err == nil {
		_, _ = s.out.Write(append(text, '\n')) // the reader may be gone; the run continues
	}
}

func (s *streamer) Close() {}

// traced prints the console log. It passes events on to the log folder as well, if there is one.
type traced struct {
	log component.Observer // nil: none
	out io.Writer
}

func (t traced) Planned(result *component.Result) error {
	if t.log == nil {
		return nil
	}
	return t.log.Planned(result)
}

func (t traced) Stepped(result *component.Result, at component.Place) error {
	if t.log == nil {
		return nil
	}
	return t.log.Stepped(result, at)
}

func (t traced) Console(line string) {
	if t.log != nil {
		t.log.Console(line)
	}
	fmt.Fprintln(t.out, terminal.Harmless(line))
}

// runResult is what `awstoe run` prints.
type runResult struct {
	ExecutionID            string           `json:"executionId"`
	Status                 component.Status `json:"status"`
	FailedStepCount        int              `json:"failedStepCount"`
	ExecutedStepCount      int              `json:"executedStepCount"`
	IgnoredFailedStepCount int              `json:"ignoredFailedStepCount"`
	FailureMessage         string           `json:"failureMessage"`
	LogURL                 string           `json:"logUrl"`
}

// conclude prints the result, and turns it into the exit status.
func (c *ComponentRunCmd) conclude(ctx context.Context, env *Env, result component.Result, dir string, err error) error {
	if err != nil && result.FailureMessage == "" {
		result.Status = component.Failed
		result.FailureMessage = err.Error()
	}

	if printed := c.print(env, runResult{
		result.ExecutionID, result.Status, result.Failed, result.Executed, result.Ignored, result.FailureMessage, dir,
	}); printed != nil {
		err = errors.Join(err, printed)
	}

	env.JSON = false // the result was the only object
	bad := component.InvalidError{}
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case errors.As(err, &bad):
		_ = env.showFindings(bad.Findings) // the status is awstoe's, not lint's
		return &saidError{class: fault.Failed}

	case err != nil:
		return fault.New(fault.Failed, err, "")
	case result.Reboot != nil:
		return c.rebooting(ctx, env, result.Reboot.Delay)
	case result.Status == component.Failed:
		next := ""
		if dir != "" {
			next = "read " + filepath.Join(dir, "console.log")
		}
		return fault.New(fault.Failed, failedStep(result), next)
	}

	return nil
}

func failedStep(result component.Result) error {
	f := result.FirstFailure
	if f == nil {
		return errors.New(result.FailureMessage)
	}
	return fmt.Errorf("run step %s of %s (%s): %s", f.Step, f.Document, f.Phase, f.Message)
}

func (c *ComponentRunCmd) print(env *Env, result runResult) error {
	out := bufio.NewWriter(env.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if !c.Stream {
		encoder.SetIndent("", "    ")
	}
	if err := errors.Join(encoder.Encode(result), out.Flush()); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// wantsReboot is the exit status that asks the caller to reboot the machine and start the command again.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/send-commands-reboot.html
const wantsReboot fault.Class = 194

// rebooting ends the command so that the machine can be rebooted. A sandbox has nothing to wait for.
func (c *ComponentRunCmd) rebooting(ctx context.Context, env *Env, delay time.Duration) error {
	if c.Stream {
		return &saidError{class: wantsReboot}
	}
	fmt.Fprintln(env.Stderr, "image-builder: reboot this machine, then run the same command again: it goes on where it stopped")
	timer := time.NewTimer(delay)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-ctx.Done():
	}

	return &saidError{class: wantsReboot}
}

// unusable prints the result of a run that never started.
func (c *ComponentRunCmd) unusable(env *Env, err error) error {
	result := component.Result{ExecutionID: c.ExecutionID, Status: component.Failed, FailureMessage: err.Error()}
	return c.conclude(context.Background(), env, result, "", err)
}

// newExecutionID returns a time-based UUID, RFC 9562 version 1, as awstoe does.
func newExecutionID() (string, error) {
	id, err := uuid.NewUUID()
	if err != nil {
		return "", fmt.Errorf("make execution ID: %w", err)
	}
	return id.String(), nil
}
