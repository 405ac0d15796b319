package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"image-builder/internal/patience"
	"image-builder/internal/progress"
	"image-builder/internal/stack"
)

// The longest that an operation may take, and that CloudFormation may work on a change set.
const (
	operationPatience = 3 * time.Hour
	changeSetPatience = 10 * time.Minute
)

// follower follows an operation on a stack.
type follower struct {
	stacks Stacks
	report progress.Func
	pause  patience.Pause

	name    string                 // of the followed stack
	running map[string]stack.Event // start times by logical ID
	undoing bool                   // the operation failed: further updates restore the old state
}

// pickUp follows an operation that an earlier run or another user started, to its end.
func (f *follower) pickUp(ctx context.Context, s stack.Stack) (stack.Stack, error) {
	defer f.report.Stage(fmt.Sprintf("follow stack %s, which is in %s", s.Name, s.Status))()
	after, events, err := f.follow(ctx, s, "")
	if err == nil && after.Status.Failed() {
		f.report.Send(progress.Event{Kind: progress.Note, Text: fmt.Sprintf("it ended in %s: %s", after.Status, because(after, events))})
	}
	return after, err
}

// follow reports events as they come until the operation has ended, and returns the resulting stack and the
// operation's events, oldest first. Since is the ID of the last event before the operation; "" means the stack's last
// operation.
func (f *follower) follow(ctx context.Context, s stack.Stack, since string) (stack.Stack, []stack.Event, error) {
	f.name = s.Name
	f.running = map[string]stack.Event{}
	f.undoing = false
	after := s
	var events []stack.Event

	wait := patience.Wait{For: "stack " + s.Name, Limit: operationPatience, Pause: f.pause, Report: f.report}
	err := wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		now, fresh, err := f.look(ctx, s.ID, since)
		if err != nil {
			return patience.Answer{}, err
		}

		for _, e := range fresh {
			f.tell(e)
			since = e.ID
		}

		after = now
		events = append(events, fresh...)
		return patience.Answer{Done: ended(now, events), Changed: len(fresh) > 0, State: string(now.Status)}, nil
	})
	if err != nil {
		return s, events, &Lost{Stack: s.Name, Err: err}
	}

	return after, events, nil
}

// look reads the status first, so that the events then cover everything that led to it.
func (f *follower) look(ctx context.Context, id, since string) (stack.Stack, []stack.Event, error) {
	now, err := f.stacks.Stack(ctx, id)
	if err != nil {
		return now, nil, err
	}
	if since == "" {
		events, err := stack.LastOperation(f.stacks.Events(ctx, id))
		return now, events, err
	}

	var fresh []stack.Event
	for event, err := range f.stacks.Events(ctx, id) {
		if err != nil {
			return now, nil, err
		}
		if event.ID == since {
			break
		}
		fresh = append(fresh, event)
	}

	slices.Reverse(fresh)
	return now, fresh, nil
}

// ended reports whether the operation has ended: both its events and the stack's status must say so. Just after a
// request the stack may still show its old status.
func ended(now stack.Stack, events []stack.Event) bool {
	return !now.Status.Busy() && slices.ContainsFunc(events, func(e stack.Event) bool { return e.OfStack() && e.Status == now.Status })
}

// tell reports a resource's event as the start or the end of a step.
func (f *follower) tell(e stack.Event) {
	if e.OfStack() {
		if strings.HasSuffix(string(e.Status), "ROLLBACK_IN_PROGRESS") {
			f.undoing = true
			f.report.Send(progress.Event{Kind: progress.Note, Text: "undoing what was done, since a resource failed"})
		}
		return
	}

	step := &progress.Step{Document: f.name, Phase: f.phase(e), Name: e.LogicalID + " (" + stack.Noun(e.Type) + ")", Iteration: -1}
	begun, runs := f.running[e.LogicalID]

	if e.Status.Busy() {
		if !runs || verb(begun.Status) != verb(e.Status) { // a role has two such events: requested and created
			f.running[e.LogicalID] = e
			f.report.Send(progress.Event{Kind: progress.StepStarted, Step: step})
		}
		return
	}

	delete(f.running, e.LogicalID)
	done := progress.Event{Kind: progress.StepDone, Step: step, Status: outcome(e)}

	if runs {
		done.Elapsed = e.Time.Sub(begun.Time)
	}

	if done.Status != progress.Success {
		done.Text = e.Why()
	}

	f.report.Send(done)
}

func outcome(e stack.Event) progress.Status {
	switch {
	case e.Cancelled(), e.Status == "DELETE_SKIPPED":
		return progress.Skipped
	case strings.HasSuffix(string(e.Status), "_FAILED"):
		return progress.Failed
	}
	return progress.Success
}

// phase is what happens to the event's resource. While an update is undone, events still say "update".
func (f *follower) phase(e stack.Event) string {
	if what := verb(e.Status); what != "update" || !f.undoing {
		return what
	}
	return "undo"
}

// verb says what happens to a resource in a status.
func verb(status stack.Status) string {
	before, _, _ := strings.Cut(string(status), "_")
	if strings.Contains(string(status), "ROLLBACK") {
		return "undo"
	}
	return strings.ToLower(before)
}

// past is verb's past participle.
func past(status stack.Status) string {
	return map[string]string{"create": "created", "update": "changed", "delete": "deleted", "undo": "brought back", "import": "imported"}[verb(status)]
}
