package stack

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const arn = "arn:aws:cloudformation:eu-central-1:123456789012:stack/nightly/1c2fa620-982a-11e3-aff7-50e2416294e0"

func ofStack(status Status) Event {
	return Event{ID: string(status), Type: "AWS::CloudFormation::Stack", LogicalID: "nightly", PhysicalID: arn, Status: status}
}

// history is a deploy and then an update that failed, oldest event first.
var history = []Event{
	ofStack("CREATE_IN_PROGRESS"),
	{ID: "old", Type: "AWS::SNS::Topic", LogicalID: "T", Status: "CREATE_FAILED", Reason: "long ago"},
	ofStack(CreateComplete),
	ofStack("UPDATE_IN_PROGRESS"),
	{ID: "1", Type: "AWS::IAM::Role", LogicalID: "B", Status: "UPDATE_FAILED", Reason: "Resource update cancelled"},
	{ID: "2", Type: "AWS::CloudFormation::Stack", LogicalID: "Nested", PhysicalID: "arn:aws:cloudformation:eu-central-1:123456789012:stack/nightly-Nested-X/2", Status: "UPDATE_FAILED", Reason: "mine"},
	{ID: "3", Type: "AWS::SNS::Topic", LogicalID: "T", Status: "UPDATE_FAILED", Reason: "later"},
	ofStack("UPDATE_ROLLBACK_IN_PROGRESS"), ofStack("UPDATE_ROLLBACK_COMPLETE"),
}

func newestFirst(events []Event, last error) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for _, e := range slices.Backward(events) {
			if !yield(e, nil) {
				return
			}
		}
		if last != nil {
			yield(Event{}, last)
		}
	}
}

func TestLastOperation(t *testing.T) {
	t.Parallel()
	got, err := LastOperation(newestFirst(history, errors.New("read too far")))
	if diff := cmp.Diff(history[3:], got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	asked := ofStack("UPDATE_ROLLBACK_IN_PROGRESS")
	asked.Reason = "User Initiated"
	got, err = LastOperation(newestFirst(append(slices.Clone(history), asked), errors.New("read too far")))
	if diff := cmp.Diff([]Event{asked}, got); diff != "" || err != nil {
		t.Errorf("continued rollback: %v\n%s", err, diff)
	}

	if _, err := LastOperation(newestFirst(nil, errors.New("denied"))); err == nil {
		t.Error("an error was lost")
	}
}

func TestFirstFailure(t *testing.T) {
	t.Parallel()
	got, found := FirstFailure(history[3:])
	if !found || got.ID != "2" {
		t.Errorf("first failure is %+v", got)
	}
	if got, found := FirstFailure(history[:1]); found {
		t.Errorf("first failure is %+v where there is none", got)
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"Resource creation cancelled": "Resource creation cancelled",
		`Resource handler returned message: "The role does not exist." (RequestToken: 1c2f, HandlerErrorCode: InvalidRequest)`:                                                              "The role does not exist.",
		`Resource handler returned message: "You have "too many" (Service: Ec2, Status Code: 400, Request ID: 7) (SDK Attempt Count: 1)" (RequestToken: 1, HandlerErrorCode: ServiceLimit)`: `You have "too many"`,
	} {
		if got := (Event{Reason: reason}).Why(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
