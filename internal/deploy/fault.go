package deploy

import (
	"context"
	"errors"
	"fmt"

	"image-builder/internal/fault"
	"image-builder/internal/stack"
)

// unusable says that a stack cannot be used as requested. Nothing was changed.
func unusable(name, reason, hint string) error {
	return fault.New(fault.NotUsable, fmt.Errorf("use stack %s: %s", name, reason), hint)
}

// Failed says that CloudFormation did not complete an operation.
type Failed struct {
	Verb   string // create, update or delete
	Stack  stack.Stack
	Reason string // which resource failed first, and why
}

func (e *Failed) Error() string {
	return fmt.Sprintf("%s stack %s: %s", e.Verb, e.Stack.Name, e.Reason)
}

// Class is that of failures.
func (e *Failed) Class() fault.Class { return fault.Failed }

// Hint is empty: the caller knows how the stack stands.
func (e *Failed) Hint() string { return "" }

// Lost says that CloudFormation continues, but that we stopped watching: after an interruption, or too long without
// an answer.
type Lost struct {
	Stack string
	Err   error
}

func (e *Lost) Error() string {
	if errors.Is(e.Err, context.Canceled) {
		return fmt.Sprintf("interrupted: CloudFormation goes on with stack %s", e.Stack)
	}
	return fmt.Sprintf("follow stack %s: %v", e.Stack, e.Err)
}

func (e *Lost) Unwrap() error { return e.Err }

// Class is that of the cause.
func (e *Lost) Class() fault.Class { return fault.ClassOf(e.Err) }

// Hint says how to look again.
func (e *Lost) Hint() string {
	if errors.Is(e.Err, context.Canceled) {
		return "the same command again follows it to its end"
	}
	return "CloudFormation goes on by itself: the same command again follows it to its end"
}

// Unchanged turns an interruption into an error that says that nothing was changed. It returns other errors,
// including *Lost, as they are.
func Unchanged(err error) error {
	if !errors.Is(err, context.Canceled) || errors.As(err, new(*Lost)) {
		return err
	}
	return fault.New(fault.Interrupted, errors.New("interrupted: nothing was changed"), "")
}

// because says in one sentence why a stack failed: it names the resource that failed first, never those that were
// cancelled with it.
func because(s stack.Stack, events []stack.Event) string {
	first, found := stack.FirstFailure(events)
	switch {
	case found && first.Reason != "":
		return fmt.Sprintf("%s was not %s: %s", first.Subject(), past(first.Status), first.Why())
	case found:
		return fmt.Sprintf("%s was not %s", first.Subject(), past(first.Status))
	case s.Reason != "":
		return s.Reason
	}
	return "CloudFormation gives no reason"
}
