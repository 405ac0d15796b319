package stack

import (
	"iter"
	"slices"
)

// OfStack reports whether an event concerns the stack itself, not one of its resources.
func (e Event) OfStack() bool {
	return e.Type == "AWS::CloudFormation::Stack" && nameIn(e.PhysicalID) == e.LogicalID
}

// Begins reports whether the event starts an operation on the stack. A rollback belongs to the operation that it
// undoes, unless a user asked for the rollback.
func (e Event) Begins() bool {
	if !e.OfStack() {
		return false
	}
	switch e.Status {
	case ReviewInProgress, "CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS":
		return true
	case "UPDATE_ROLLBACK_IN_PROGRESS":
		return e.Reason == "User Initiated"
	}
	return false
}

// LastOperation reads events, newest first, back to the start of the last operation, and returns them oldest first.
func LastOperation(newest iter.Seq2[Event, error]) ([]Event, error) {
	var events []Event
	for event, err := range newest {
		if err != nil {
			return nil, err
		}
		events = append(events, event)
		if event.Begins() {
			break
		}
	}

	slices.Reverse(events)
	return events, nil
}
