// Package fault is what an error says to the outside: its class of failure, and what to do next.
//
// An error that knows this implements Fault; errors that wrap it need not. Most are made by New. "Hint" is the one word
// for the next action; only a finding about a file calls it Right, since it says what to write instead. The command line asks ClassOf for the exit
// status and HintOf for the advice. The package never prints, and it knows no other package's errors.
package fault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os/exec"
	"strings"
	"syscall"
)

// Class is a class of failure. Its number is the status that the program exits with: scripts rely on it, so a class
// never changes its number or its meaning.
type Class int

// The classes; Classes says what each means.
const (
	Done        Class = 0
	Failed      Class = 1
	BadInput    Class = 2
	BadMachine  Class = 3
	NotUsable   Class = 4
	SecretFound Class = 5
	AWSRefused  Class = 6
	TimedOut    Class = 124
	Interrupted Class = 130
	Terminated  Class = 143
)

// ErrTerminated is the cause of a context that SIGTERM ended.
var ErrTerminated = errors.New("terminated")

// Classes is the table that docs/reference/exit-codes.md shows.
var Classes = []struct {
	Class   Class
	Meaning string
}{
	{Done, "The command succeeded: the image is baked, the list is printed."},
	{Failed, "A step of the bake failed, the deploy or the build failed, or something else went wrong that has no code below."},
	{BadInput, "The recipe, a component document or the command line is invalid."},
	{BadMachine, "This machine lacks something: root, a program, space, a writable data directory."},
	{NotUsable, "The base, image, parameter or stack that you named does not exist or is not usable."},
	{SecretFound, "The image would have contained a secret; nothing was kept."},
	{AWSRefused, "AWS refused or could not be reached: credentials, permissions, a bucket that does not exist."},
	{TimedOut, "The bake took longer than its timeout."},
	{Interrupted, "Interrupted by Ctrl-C or SIGHUP, or you answered no. Everything temporary is removed; operations already started on AWS continue."},
	{Terminated, "Interrupted by SIGTERM, with the same consequences."},
}

// Fault is an error with a class and a next action.
type Fault interface {
	error
	// Class is Done if the class is that of a wrapped error.
	Class() Class
	// Hint says what to do next, as a command or an instruction; it may be empty. Error may end with it, after ": ".
	Hint() string
}

// New gives an error a class and a hint, which may be empty.
func New(class Class, err error, hint string) error { return &fault{err, class, hint} }

// Full is New for an error that other texts quote: what Error says ends with the hint.
func Full(class Class, err error, hint string) error {
	if hint == "" {
		return New(class, err, "")
	}
	return &fault{fmt.Errorf("%w: %s", err, hint), class, hint}
}

type fault struct {
	error
	class Class
	hint  string
}

func (f *fault) Class() Class  { return f.class }
func (f *fault) Hint() string  { return f.hint }
func (f *fault) Unwrap() error { return f.error }

// ClassOf returns the class of an error: the outermost known one. There are two exceptions: an interruption always
// counts as one, and a found secret takes precedence over every other failure.
func ClassOf(err error) Class {
	if err == nil {
		return Done
	}
	if errors.Is(err, context.Canceled) {
		return Interrupted
	}

	outermost := Done
	for f := range faults(err) {
		class := f.Class()
		if class == SecretFound {
			return class
		}
		if outermost == Done {
			outermost = class
		}
	}

	if outermost != Done {
		return outermost
	}
	return classOfSystem(err)
}

// ClassIn returns the class of an error of work under a context: what SIGTERM interrupted is Terminated.
func ClassIn(ctx context.Context, err error) Class {
	class := ClassOf(err)
	if class == Interrupted && errors.Is(context.Cause(ctx), ErrTerminated) {
		return Terminated
	}
	return class
}

// classOfSystem returns the class of errors of Go and the kernel.
func classOfSystem(err error) Class {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EROFS):
		return BadMachine
	}
	return Failed
}

// HintOf returns the outermost hint of an error; "" if there is none.
func HintOf(err error) string {
	for f := range faults(err) {
		if hint := f.Hint(); hint != "" {
			return hint
		}
	}
	return ""
}

// Text returns what an error says, without its hint.
func Text(err error) string {
	text := err.Error()
	if hint := HintOf(err); hint != "" {
		text = strings.TrimSuffix(text, ": "+hint)
	}
	return text
}

// faults yields the faults among an error and the errors it wraps, the outer ones first.
func faults(err error) iter.Seq[Fault] {
	return func(yield func(Fault) bool) { walk(err, yield) }
}

// walk reports whether to continue.
func walk(err error, yield func(Fault) bool) bool {
	if f, ok := err.(Fault); ok && !yield(f) { //nolint:errorlint // each error of the tree is visited
		return false
	}

	switch wrapper := err.(type) { //nolint:errorlint // each error of the tree is visited
	case interface{ Unwrap() error }:
		return walk(wrapper.Unwrap(), yield)
	case interface{ Unwrap() []error }:
		for _, wrapped := range wrapper.Unwrap() {
			if !walk(wrapped, yield) {
				return false
			}
		}
	}

	return true
}
