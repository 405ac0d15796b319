package deploy_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"image-builder/internal/deploy"
	"image-builder/internal/fault"
	"image-builder/internal/patience"
	"image-builder/internal/stack"
	"image-builder/internal/testbed/wire"
)

func TestAssess(t *testing.T) {
	t.Parallel()
	updating := then(in(stack.CreateComplete, ""), called("UpdateStack", withTemplate("m7i.large")))
	for name, test := range map[string]struct {
		situation situation
		kind      deploy.Kind
		why       string
		refused   string // part of the error and its hint
	}{
		"none":                            {situation: then(), kind: deploy.Create},
		"one that works":                  {situation: in(stack.CreateComplete, ""), kind: deploy.Update},
		"an update that was undone":       {situation: in("UPDATE_ROLLBACK_COMPLETE", ""), kind: deploy.Update},
		"another owner's":                 {situation: another(stack.CreateComplete), refused: "not made by image-builder (CREATE_COMPLETE): choose another name with --stack"},
		"another owner's that failed":     {situation: another(stack.RollbackComplete), refused: "not made by image-builder"},
		"our change set waits":            {situation: waiting("image-builder"), kind: deploy.Create},
		"nothing waits":                   {situation: in(stack.ReviewInProgress, ""), kind: deploy.Create},
		"another user's change set waits": {situation: waiting("mine"), refused: "delete-stack --stack-name nightly"},
		"a first deploy that failed": {
			situation: then(failing("Topic", "Quota"), called("CreateStack", withTemplate("t3.large")), finished), kind: deploy.Recreate, why: "topic Topic was not created: Quota",
		},
		"a deletion that failed":          {situation: in(stack.DeleteFailed, ""), kind: deploy.Recreate, why: "CloudFormation gives no reason"},
		"an update that cannot be undone": {situation: in(stack.UpdateRollbackFailed, ""), refused: "continue-update-rollback --stack-name nightly"},
		"an update under way":             {situation: updating, kind: deploy.Update},
		"a creation under way that fails": {
			situation: then(failing("Topic", "Quota"), called("CreateStack", withTemplate("t3.large"))), kind: deploy.Recreate, why: "topic Topic was not created: Quota",
		},
		"a deletion under way": {situation: then(in(stack.CreateComplete, ""), called("DeleteStack", nil)), kind: deploy.Create},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)
			test.situation(t, a)
			got, err := a.deploy().Assess(t.Context(), "nightly")

			if test.refused != "" {
				if fault.ClassOf(err) != fault.NotUsable || !strings.Contains(err.Error()+": "+fault.HintOf(err), test.refused) {
					t.Fatalf("error is %v, want %q", err, test.refused)
				}
				return
			}

			if err != nil || got.Kind != test.kind || got.Why != test.why {
				t.Errorf("got %s %q, %v; want %s %q", got.Kind, got.Why, err, test.kind, test.why)
			}
			if s, found := a.CloudFormation.Stack("nightly"); found && stack.Status(s.Status).Busy() {
				t.Errorf("the operation was not followed to its end: the stack is in %s", s.Status)
			}
		})
	}
}

// finished runs the stack's operation to its end.
func finished(_ *testing.T, a *account) { a.CloudFormation.Finish("nightly") }

// TestFollowing follows an update that is under way. The first look only finds it.
func TestFollowing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after, times int
		fault        wire.Fault
		interrupt    int // the pause in which the user interrupts
		lost         func(error) bool
		noted        bool // that the call is repeated
	}{
		"throttled a while":        {after: 1, fault: wire.Throttled, times: 3, noted: true},
		"throttled for ever":       {after: 1, fault: wire.Throttled, times: 11, lost: patience.Passes, noted: true},
		"refused":                  {after: 2, fault: wire.ExpiredToken, times: 1, lost: func(err error) bool { return strings.Contains(err.Error(), "(ExpiredToken)") }},
		"interrupted while it ran": {interrupt: 1, lost: func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)
			in(stack.CreateComplete, "")(t, a)
			called("UpdateStack", withTemplate("m7i.large"))(t, a)
			a.FailAfter(test.after, "cloudformation", "DescribeStacks", test.fault, test.times)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			a.during = func(waits int) {
				if waits == test.interrupt {
					interrupt()
				}
			}

			got, err := a.deploy().Assess(ctx, "nightly")
			var lost *deploy.Lost
			if test.lost != nil && (!errors.As(err, &lost) || !test.lost(err)) {
				t.Errorf("error is %v, which is not %s", err, name)
			}
			if test.lost == nil && (err != nil || got.Stack.Status != stack.UpdateComplete) {
				t.Errorf("%s, %v", got.Stack.Status, err)
			}
			if noted := strings.Join(a.notes, "\n"); test.noted && noted != "look at stack nightly: Rate exceeded (Throttling); asking again" {
				t.Errorf("notes: %s", noted)
			}
		})
	}
}
