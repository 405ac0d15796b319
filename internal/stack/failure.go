package stack

import "strings"

// FirstFailure returns the event of the resource that failed first; the others fell with it. Events are in order,
// oldest first, and of one operation.
func FirstFailure(events []Event) (Event, bool) {
	for _, e := range events {
		if strings.HasSuffix(string(e.Status), "_FAILED") && !cascade(e) {
			return e, true
		}
	}
	return Event{}, false
}

// cascade tells whether a resource was only given up because of another, or stands for the stack as a whole.
func cascade(e Event) bool {
	return e.Type == "AWS::CloudFormation::Stack" && e.PhysicalID != "" && strings.Contains(e.PhysicalID, "/"+e.LogicalID+"/") ||
		strings.HasPrefix(e.Reason, "Resource creation cancelled") || strings.HasPrefix(e.Reason, "Resource update cancelled")
}
