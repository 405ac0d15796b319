package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/google/uuid"

	"image-builder/internal/fault"
	"image-builder/internal/stack"
)

// Execute carries out a plan and returns the resulting stack. The error is a *Failed if CloudFormation gave up, a
// *Lost if it continues unwatched.
func (d *Deploy) Execute(ctx context.Context, p *Plan) (stack.Stack, error) {
	if p.Standing.Kind != Recreate {
		after, err := d.executeNow(ctx, p)
		return after, Unchanged(err)
	}
	if err := d.clear(ctx, p); err != nil {
		return stack.Stack{}, err
	}
	return d.executeNow(ctx, p)
}

func (d *Deploy) executeNow(ctx context.Context, p *Plan) (stack.Stack, error) {
	s, err := d.Stacks.Stack(ctx, p.ChangeSet.StackID)
	if err != nil {
		return s, errors.Join(err, d.Discard(ctx, p))
	}
	since, err := newest(ctx, d.Stacks, s.ID)
	if err != nil {
		return s, errors.Join(err, d.Discard(ctx, p))
	}
	if err := d.execute(ctx, p); err != nil {
		return s, err
	}

	verb := "create"
	if p.wanted.Update {
		verb = "update"
	}

	done := d.Report.Stage(verb + " stack " + s.Name)
	after, events, err := d.following().follow(ctx, s, since)
	done()

	if err == nil && after.Status.Failed() {
		err = failed(verb, after, events)
	}

	return after, err
}

// clear deletes the remains of a failed stack, and prepares the creation of its successor.
func (d *Deploy) clear(ctx context.Context, p *Plan) error {
	remover := &Delete{Stacks: d.Stacks, Report: d.Report, Wait: d.Wait}
	err := remover.Run(ctx, p.Standing.Stack)
	if err == nil {
		p.Standing = Standing{Name: p.Standing.Name, Kind: Create}
		err = d.propose(ctx, p)
	}

	if err != nil {
		return errors.Join(err, d.Discard(ctx, p))
	}

	if d.Show != nil {
		d.Show(p.ChangeSet)
	}

	return nil
}

// execute starts the change set. If the answer was lost, the change set's status says whether it started.
func (d *Deploy) execute(ctx context.Context, p *Plan) error {
	err := d.Stacks.ExecuteChangeSet(ctx, p.ChangeSet.StackID, p.ChangeSet.ID, uuid.NewString())
	if err == nil {
		return nil
	}
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardPatience)
	defer cancel()

	c, readErr := d.Stacks.ChangeSet(looking, p.ChangeSet.StackID, p.ChangeSet.ID)
	if readErr == nil && strings.HasPrefix(string(c.Execution), "EXECUTE_") && c.Execution != "EXECUTE_FAILED" {
		return nil
	}

	if errors.Is(err, fs.ErrNotExist) {
		err = unusable(p.Standing.Name, "another deploy of this stack is being prepared, and replaced this one", "run the same command again")
	}

	return errors.Join(err, d.Discard(ctx, p))
}

// newest returns the ID of a stack's last event; "" if it has none.
func newest(ctx context.Context, stacks Stacks, id string) (string, error) {
	for event, err := range stacks.Events(ctx, id) {
		return event.ID, err
	}
	return "", nil
}

// failed explains an operation that CloudFormation gave up: why, the stack's state now, and what to do.
func failed(verb string, s stack.Stack, events []stack.Event) error {
	next := fmt.Sprintf("the stack is in %s: look at its events in the console", s.Status)
	switch {
	case s.Status == stack.RollbackComplete:
		next = "everything was undone (ROLLBACK_COMPLETE): fix the cause, then run the same command again, which starts from scratch"
	case s.Status == "UPDATE_ROLLBACK_COMPLETE":
		next = "the stack is as it was before (UPDATE_ROLLBACK_COMPLETE): fix the cause, then run the same command again"
	case s.Status == stack.UpdateRollbackFailed:
		next = "undoing it failed, too (UPDATE_ROLLBACK_FAILED): aws cloudformation continue-update-rollback --stack-name " + s.Name
	case s.Status == stack.DeleteFailed:
		next = "the rest is deleted (DELETE_FAILED): free what holds on to it, then run the same command again"
	case s.Status.Dead():
		next = fmt.Sprintf("the stack is unusable (%s): fix the cause, then run the same command again, which deletes the stack and creates it again", s.Status)
	}

	return fault.New(fault.Done, &Failed{Verb: verb, Stack: s, Reason: because(s, events)}, next)
}
