package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"image-builder/internal/fault"
	"image-builder/internal/finding"
	"image-builder/internal/terminal"
)

// saidError ends a command whose output already says why.
type saidError struct {
	class fault.Class
	found finding.List // of a file that is not usable; printed already
}

func (e *saidError) Error() string { return fmt.Sprintf("exit status %d", e.class) }

// Class is the exit status.
func (e *saidError) Class() fault.Class { return e.class }

// Hint is empty: everything was said.
func (e *saidError) Hint() string { return "" }

// fail prints an error and what to do next, and returns the status to exit with.
func fail(ctx context.Context, stderr io.Writer, err error) int {
	code := fault.ClassIn(ctx, err)
	if isA[*saidError](err) {
		return int(code)
	}
	complain(stderr, "error", textOf(err, code))
	complain(stderr, "hint", fault.HintOf(err))
	return int(code)
}

// textOf returns what an error says, with an interruption in a user's words.
func textOf(err error, code fault.Class) string {
	text := fault.Text(err)
	if code == fault.Interrupted || code == fault.Terminated {
		text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	}
	return text
}

// problem is what --json prints for a command that failed.
type problem struct {
	Error string      `json:"error"`
	Code  fault.Class `json:"code"` // the exit status
	Hint  string      `json:"hint,omitempty"`
	Log   string      `json:"log,omitempty"`  // of the step that failed
	Tail  []string    `json:"tail,omitempty"` // its last lines
	// Findings are what is wrong with the recipe, the document or a flag.
	Findings finding.List `json:"findings,omitempty"`
}

// fail says why a command failed, on stderr and, with --json, as the only object on stdout.
func (e *Env) fail(ctx context.Context, err error) int {
	said := problem{Code: fault.ClassIn(ctx, err)}

	printed := (*saidError)(nil)
	silent := errors.As(err, &printed)
	switch {
	case !e.JSON || (silent && len(printed.found) == 0):
		return fail(ctx, e.Stderr, err)
	case silent:
		said.Error = "check recipe and flags: " + count(printed.found.Errors(), "error")
		said.Findings = printed.found
	default:
		said.Error = textOf(err, said.Code)
		said.Hint = fault.HintOf(err)
	}

	if step := printer(nil); errors.As(err, &step) {
		said.Log, said.Tail = step.Output()
	}

	_ = json.NewEncoder(e.Stdout).Encode(said) // stderr has it too
	return fail(ctx, e.Stderr, err)
}

// complain prints a text with the program's name before every line. Errors quote what steps printed, so they are as
// hostile as that.
func complain(stderr io.Writer, what, text string) {
	for line := range strings.Lines(text) {
		line = terminal.Harmless(line)
		if line != "" {
			fmt.Fprintf(stderr, "image-builder: %s: %s\n", what, line)
		}
	}
}

func isA[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// printer is an error of something that printed. Satisfied by *bake.StepError and *imagepipeline.FailedError.
type printer interface {
	error
	Output() (log string, tail []string)
}

// usageError says how to learn what the command line takes.
func usageError(err error) error {
	command := "image-builder"
	if parse := (*kong.ParseError)(nil); errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		command = "image-builder " + parse.Context.Selected().Path()
	}
	return fault.New(fault.BadInput, err, strings.TrimSpace(command)+" --help")
}
