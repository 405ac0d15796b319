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

// How long an operation may take at most, and how long CloudFormation may work on a change set.
const (
	operationPatience = 3 * time.Hour
	changeSetPatience = 10 * time.Minute
)

// follower follows what CloudFormation does to a stack.
type follower struct {
	stacks Stacks
	report progress.Func
	pause  patience.Pause

	name    string                 // of the stack that is followed
	running map[string]stack.Event // by logical ID, what began
	undoing bool                   // the operation failed: updates are back to what was
}

// pickUp follows an operation that somebody else began, or an earlier run, to its end.
func (f *follower) pickUp(ctx context.Context, s stack.Stack) (stack.Stack, error) {
	defer f.report.Stage(fmt.Sprintf("follow stack %s, which is in %s", s.Name, s.Status))()
	after, events, err := f.follow(ctx, s, "")
	if err == nil && after.Status.Failed() {
		f.report.Report(progress.Event{Kind: progress.Note, Text: fmt.Sprintf("it ended in %s: %s", after.Status, because(after, events))})
	}
	return after, err
}

// follow reports events as they come until the operation has ended, and returns how the stack stands then, and the
// events of the operation, oldest first. Since is the ID of the last event before it; with "" the operation is the
// last one that the stack has.
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

// look asks for the status first: the events are then all of what led to it.
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

// ended reports whether the operation has come to its end: its events say so, and the stack does. Right after it was
// asked for, the stack may still stand as before.
func ended(now stack.Stack, events []stack.Event) bool {
	return !now.Status.Busy() && slices.ContainsFunc(events, func(e stack.Event) bool { return e.OfStack() && e.Status == now.Status })
}

// tell reports an event of a resource as the beginning or the end of a step.
func (f *follower) tell(e stack.Event) {
	if e.OfStack() {
		if strings.HasSuffix(string(e.Status), "ROLLBACK_IN_PROGRESS") {
			f.undoing = true
			f.report.Report(progress.Event{Kind: progress.Note, Text: "undoing what was done, since a resource failed"})
		}
		return
	}

	step := &progress.Step{Document: f.name, Phase: f.phase(e), Name: e.LogicalID + " (" + stack.Noun(e.Type) + ")", Iteration: -1}
	begun, runs := f.running[e.LogicalID]

	if e.Status.Busy() {
		if !runs || verb(begun.Status) != verb(e.Status) { // a role begins twice: asked for, and made
			f.running[e.LogicalID] = e
			f.report.Report(progress.Event{Kind: progress.StepStarted, Step: step})
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

	f.report.Report(done)
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

// phase is what happens to the resource of an event. Events of an update that is undone say that they update.
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

// past is the participle of verb.
func past(status stack.Status) string {
	return map[string]string{"create": "created", "update": "changed", "delete": "deleted", "undo": "brought back", "import": "imported"}[verb(status)]
}
