// Package deploy creates, updates and deletes a CloudFormation stack.
//
// Deploy looks at the stack, prepares a change set, which the caller shows and decides on, and executes or discards
// it. It follows each CloudFormation operation to its end, including one that another process started: the next
// deploy picks up one that was cut off. The package asks no questions, prints nothing and knows nothing of recipes:
// it gets values and a template.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"image-builder/internal/patience"
	"image-builder/internal/progress"
	"image-builder/internal/stack"
)

// Deploy creates or updates a stack: Assess, Prepare, then Execute or Discard.
type Deploy struct {
	Stacks  Stacks
	Buckets Buckets
	Builds  Builds // asked before the stack's network is replaced
	Report  progress.Func
	Wait    patience.Pause
	// Show receives the change set of a stack that had to be deleted first: it is unknown until then.
	Show func(stack.ChangeSet)
}

// Kind is what a deploy does to a stack.
type Kind string

// What a deploy does to a stack.
const (
	Create   Kind = "create"
	Update   Kind = "update"
	Recreate Kind = "recreate" // delete the remains of a failed stack, then create
)

// Standing is the state of a stack before a deploy.
type Standing struct {
	Name  string
	Kind  Kind
	Stack stack.Stack // zero with Create
	Why   string      // with Recreate: why only a failed stack is left
}

// Existing returns the stack that a deploy starts from: the zero Stack if it makes a new one.
func (s Standing) Existing() stack.Stack {
	if s.Kind == Recreate {
		return stack.Stack{}
	}
	return s.Stack
}

// Assess returns the state of a stack. It first follows an operation in progress to its end. The error is an
// error of the class NotUsable if a deploy is impossible there.
func (d *Deploy) Assess(ctx context.Context, name string) (Standing, error) {
	s, err := d.Stacks.Stack(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return Standing{Name: name, Kind: Create}, nil
	}
	if err != nil {
		return Standing{}, err
	}
	if s.Status == stack.ReviewInProgress {
		return Standing{Name: name, Kind: Create}, reviewed(ctx, d.Stacks, s)
	}

	if !s.Ours() && !s.First() {
		return Standing{}, notOurs(s, "choose another name with --stack")
	}

	if s.Status.Busy() {
		s, err = d.following().pickUp(ctx, s)
		if err != nil {
			return Standing{}, err
		}
	}

	return d.judge(ctx, s)
}

// judge decides what a deploy does to a stack at rest.
func (d *Deploy) judge(ctx context.Context, s stack.Stack) (Standing, error) {
	switch {
	case s.Status == stack.DeleteComplete:
		return Standing{Name: s.Name, Kind: Create}, nil
	case s.Status == stack.UpdateRollbackFailed:
		return Standing{}, unusable(s.Name,
			"an update failed, and so did undoing it (UPDATE_ROLLBACK_FAILED)",
			"aws cloudformation continue-update-rollback --stack-name "+s.Name)
	case s.Status.Dead() && s.First():
		return Standing{}, unusable(s.Name, fmt.Sprintf("nothing of it works (%s), and image-builder deletes its own stacks only", s.Status), secondRoad)
	case s.Status.Dead():
		events, err := stack.LastOperation(d.Stacks.Events(ctx, s.ID))
		return Standing{Name: s.Name, Kind: Recreate, Stack: s, Why: because(s, events)}, err
	}

	return Standing{Name: s.Name, Kind: Update, Stack: s}, nil
}

// reviewed refuses a stack that exists only for another user's change set. Without a change set, such a stack is a
// leftover of ours.
func reviewed(ctx context.Context, stacks Stacks, s stack.Stack) error {
	names, err := stacks.ChangeSetNames(ctx, s.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(names, func(name string) bool { return name != changeSetName }) {
		return nil
	}

	return unusable(s.Name,
		"it waits for a change set that image-builder did not make (REVIEW_IN_PROGRESS): "+strings.Join(names, ", "),
		"choose another name with --stack, or remove it: aws cloudformation delete-stack --stack-name "+s.Name)
}

// secondRoad is what to do where a stack of the first image-builder cannot be updated in place.
const secondRoad = "leave it, and deploy a stack beside it: image-builder deploy RECIPE --stack ANOTHER-NAME; docs/06-coming-from.md walks that road"

func notOurs(s stack.Stack, next string) error {
	return unusable(s.Name, fmt.Sprintf("it was not made by image-builder (%s)", s.Status), next)
}

func (d *Deploy) following() *follower {
	return &follower{stacks: d.Stacks, report: d.Report, pause: d.Wait}
}
