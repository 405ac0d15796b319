package stack

import (
	"iter"
	"slices"
)

// OfStack reports whether an event is of the stack itself and not of a resource.
func (e Event) OfStack() bool {
	return e.Type == "AWS::CloudFormation::Stack" && nameIn(e.PhysicalID) == e.LogicalID
}

// Begins reports whether an operation on the stack starts with the event. A rollback belongs to what it undoes, unless
// somebody asked for it.
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

// LastOperation reads events, which come newest first, back to the beginning of the last operation, and returns them
// oldest first.
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
