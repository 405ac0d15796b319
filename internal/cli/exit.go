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

// Code is the status that the program exits with.
type Code = fault.Class

// The exit codes.
const (
	Done        = fault.Done
	StepFailed  = fault.Failed
	BadInput    = fault.BadInput
	BadMachine  = fault.BadMachine
	NotUsable   = fault.NotUsable
	SecretFound = fault.SecretFound
	AWSRefused  = fault.AWSRefused
	TimedOut    = fault.TimedOut
	Interrupted = fault.Interrupted
	Terminated  = fault.Terminated
)

// ExitError is an error that knows its exit code and what to do next.
type ExitError struct {
	Code  Code
	Err   error        // nil: everything was said already
	Next  string       // what to do, as a command or an instruction; may be empty
	Found finding.List // of a file that is not usable; printed already
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// Class is the exit code.
func (e *ExitError) Class() fault.Class { return e.Code }

// Hint says what to do next.
func (e *ExitError) Hint() string { return e.Next }

// fail prints an error and what to do next, and returns the status to exit with.
func fail(ctx context.Context, stderr io.Writer, err error) int {
	code := fault.ClassIn(ctx, err)
	if exit := (*ExitError)(nil); errors.As(err, &exit) && exit.Err == nil {
		return int(code)
	}
	complain(stderr, "error", textOf(err, code))
	complain(stderr, "hint", fault.HintOf(err))
	return int(code)
}

// textOf returns what an error says, with an interruption in a user's words.
func textOf(err error, code Code) string {
	text := fault.Text(err)
	if code == Interrupted || code == Terminated {
		text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	}
	return text
}

// problem is what --json prints for a command that failed.
type problem struct {
	Error string   `json:"error"`
	Code  Code     `json:"code"`
	Hint  string   `json:"hint,omitempty"`
	Log   string   `json:"log,omitempty"`  // of the step that failed
	Tail  []string `json:"tail,omitempty"` // its last lines
	// Findings are what is wrong with the recipe, the document or a flag.
	Findings finding.List `json:"findings,omitempty"`
}

// fail says why a command failed, on stderr and, with --json, as the only object on stdout.
func (e *Env) fail(ctx context.Context, err error) int {
	exit := (*ExitError)(nil)
	said := problem{Code: fault.ClassIn(ctx, err)}

	silent := errors.As(err, &exit) && exit.Err == nil
	switch {
	case !e.JSON || (silent && len(exit.Found) == 0):
		return fail(ctx, e.Stderr, err)
	case silent:
		said.Error = "check recipe and flags: " + count(exit.Found.Errors(), "error")
		said.Findings = exit.Found
	default:
		said.Error = textOf(err, said.Code)
		said.Hint = fault.HintOf(err)
	}

	if printed := printer(nil); errors.As(err, &printed) {
		said.Log, said.Tail = printed.Output()
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
	return &ExitError{Code: BadInput, Err: err, Next: strings.TrimSpace(command) + " --help"}
}
