package stack

import (
	"regexp"
	"strings"
)

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

// cascade reports whether a resource was only given up because of another, or stands for the stack as a whole.
func cascade(e Event) bool {
	return e.OfStack() || e.Cancelled()
}

// What CloudFormation wraps around what a service has said.
var (
	wrapped = regexp.MustCompile(`(?s)^Resource handler returned message: "(.*)" \(RequestToken: [^)]*\)$`)
	traced  = regexp.MustCompile(`(?s)^(.*?) \(Service: [^)]*\)(?: \(SDK Attempt Count: \d+\))?$`)
)

// Why is the event's reason without request numbers.
func (e Event) Why() string {
	return traced.ReplaceAllString(wrapped.ReplaceAllString(e.Reason, "$1"), "$1")
}

// Cancelled reports whether a resource was given up only because another had failed.
func (e Event) Cancelled() bool {
	return strings.HasPrefix(e.Reason, "Resource creation cancelled") || strings.HasPrefix(e.Reason, "Resource update cancelled")
}

// nameIn returns the stack's name in its ARN, arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID; "" if it is none.
func nameIn(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) == 3 && strings.HasSuffix(parts[0], ":stack") {
		return parts[1]
	}
	return ""
}
