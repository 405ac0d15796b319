package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"image-builder/internal/aws"
	"image-builder/internal/deploy"
	"image-builder/internal/finding"
	"image-builder/internal/imagepipeline"
	"image-builder/internal/local"
	"image-builder/internal/release"
)

// Code is the status that the program exits with. Scripts rely on it: a code never changes its meaning.
type Code int

// The exit codes; exitCodes says what each means.
const (
	Done        Code = 0
	StepFailed  Code = 1
	BadInput    Code = 2
	BadMachine  Code = 3
	NotUsable   Code = 4
	SecretFound Code = 5
	AWSRefused  Code = 6
	TimedOut    Code = 124
	Interrupted Code = 130
)

// exitCodes is the table that docs/reference/exit-codes.md shows.
var exitCodes = []struct {
	Code    Code
	Meaning string
}{
	{Done, "What was asked for is done: the image is baked, the list is printed."},
	{StepFailed, "A step of the bake failed, the deploy or the build did, or something else that is not named below."},
	{BadInput, "The recipe, a component document or the command line is not usable."},
	{BadMachine, "This machine lacks something: root, a program, space, a writable data directory."},
	{NotUsable, "The base, the image, the parameter or the stack that was named is not there or not usable."},
	{SecretFound, "A secret would have been in the image; nothing was kept."},
	{AWSRefused, "AWS refused or could not be reached: credentials, permissions, a bucket that is not there."},
	{TimedOut, "The bake took longer than it may."},
	{Interrupted, "Interrupted: Ctrl-C, SIGTERM or SIGHUP, or no was the answer. Everything temporary is cleared away; what AWS has begun goes on there."},
}

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

// Hint says what to do next.
func (e *ExitError) Hint() string { return e.Next }

// fail prints an error and what to do next, and returns the status to exit with.
func fail(stderr io.Writer, err error) int {
	code := codeOf(err)
	if exit := (*ExitError)(nil); errors.As(err, &exit) && exit.Err == nil {
		return int(code)
	}
	text, hint := told(err)
	complain(stderr, "error", text)
	complain(stderr, "hint", hint)
	return int(code)
}

// told is what an error says, and what to do next.
func told(err error) (text, hint string) {
	text = err.Error()
	hint = hintOf(err)
	if last := adviser(nil); hint == "" && errors.As(err, &last) && last.Advice() != "" {
		if cause, ends := strings.CutSuffix(text, ": "+last.Advice()); ends {
			return cause, last.Advice()
		}
	}
	return text, hint
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

// fail says why a command failed, on stderr and, with --json, as the one object on stdout.
func (e *Env) fail(err error) int {
	exit := (*ExitError)(nil)
	said := problem{Code: codeOf(err)}

	silent := errors.As(err, &exit) && exit.Err == nil
	switch {
	case !e.JSON || (silent && len(exit.Found) == 0):
		return fail(e.Stderr, err)
	case silent:
		said.Error = "check recipe and flags: " + count(exit.Found.Errors(), "error")
		said.Findings = exit.Found
	default:
		said.Error, said.Hint = told(err)
	}

	said.Log, said.Tail = stepLog(err)
	if build := (*imagepipeline.FailedError)(nil); errors.As(err, &build) {
		said.Tail = build.Build.Tail
	}

	_ = json.NewEncoder(e.Stdout).Encode(said) // stderr has it too
	return fail(e.Stderr, err)
}

// complain prints a text with the program's name before every line. Errors quote what steps printed, so they are as
// hostile as that.
func complain(stderr io.Writer, what, text string) {
	for line := range strings.Lines(text) {
		line = harmless(line)
		if line != "" {
			fmt.Fprintf(stderr, "image-builder: %s: %s\n", what, line)
		}
	}
}

// codeOf finds the code of an error. An interruption is one whatever it broke on its way.
func codeOf(err error) Code {
	exit := (*ExitError)(nil)
	baked, ofBake := codeOfBake(err)
	switch {
	case err == nil:
		return Done
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.As(err, &exit):
		return exit.Code

	case ofBake:
		return baked
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	case isA[*kong.ParseError](err), isA[finding.Finding](err):
		return BadInput

	case isA[awsCall](err), isA[*aws.ConfigError](err):
		return AWSRefused
	}

	return codeOfNoun(err)
}

// codeOfNoun tells what is not usable from what is not there to use it.
func codeOfNoun(err error) Code {
	switch {
	case isA[*local.MissingError](err), isA[*local.InUseError](err), isA[*local.BusyError](err), isA[*deploy.Unusable](err), isA[*release.Unusable](err):
		return NotUsable
	case isA[*local.MachineError](err), errors.Is(err, exec.ErrNotFound), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EROFS):
		return BadMachine
	}
	return codeOfDisk(err)
}

// awsCall is the error of a call to AWS. Satisfied by the SDK's smithy.OperationError.
type awsCall interface {
	error
	Service() string
	Operation() string
}

func isA[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// hinter is an error that says what to do next. Satisfied by *ExitError and the errors of package local.
type hinter interface {
	error
	Hint() string
}

// adviser is an error that ends with what to do. Satisfied by the errors of package aws.
type adviser interface {
	error
	Advice() string
}

// hintOf returns the outermost hint that says something.
func hintOf(err error) string {
	if log, _ := stepLog(err); log != "" && !isA[hinter](err) {
		return "its whole log is " + log + "; bake --keep-failed keeps the disk as it stood, for image shell"
	}
	for hint := hinter(nil); errors.As(err, &hint); err = errors.Unwrap(hint) {
		if hint.Hint() != "" {
			return hint.Hint()
		}
	}
	return ""
}

// usageError says how to learn what the command line takes.
func usageError(err error) error {
	command := "image-builder"
	if parse := (*kong.ParseError)(nil); errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		command = "image-builder " + parse.Context.Selected().Path()
	}
	return &ExitError{Code: BadInput, Err: err, Next: strings.TrimSpace(command) + " --help"}
}
