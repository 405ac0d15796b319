package deploy_test

import (
	"errors"
	"strings"
	"testing"

	"image-builder/internal/deploy"
	"image-builder/internal/fault"
	"image-builder/internal/stack"
	"image-builder/internal/testbed/wire"
)

func TestExecute(t *testing.T) {
	t.Parallel()
	undoFails := func(_ *testing.T, a *account) { a.CloudFormation.FailRollback("Topic", "Quota", 1) }
	for name, test := range map[string]struct {
		before situation
		failed string
		next   string
	}{
		"done":                 {before: then()},
		"undone":               {before: failing("Topic", "Quota"), failed: "update stack nightly: topic Topic was not changed: Quota", next: "the stack is as it was before"},
		"cannot be undone":     {before: then(failing("Topic", "Quota"), undoFails), failed: "update stack nightly: topic Topic was not changed: Quota", next: "continue-update-rollback --stack-name nightly"},
		"without a reason":     {before: turning(stack.UpdateRollbackFailed), failed: "update stack nightly: CloudFormation gives no reason", next: "continue-update-rollback --stack-name nightly"},
		"taken away by others": {before: turning(stack.DeleteFailed), failed: "update stack nightly", next: "free what holds on to it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)
			in(stack.CreateComplete, "")(t, a)
			d := a.deploy()
			standing, err := d.Assess(t.Context(), "nightly")
			if err != nil {
				t.Fatal(err)
			}

			plan, err := d.Prepare(t.Context(), standing, request())
			if err != nil {
				t.Fatal(err)
			}
			test.before(t, a)
			a.CloudFormation.LagStatus(2) // just after a request, a stack may still show its old status
			after, err := d.Execute(t.Context(), plan)
			var failure *deploy.Failed
			if test.failed == "" && (err != nil || after.Status != stack.UpdateComplete) {
				t.Errorf("%s, %v", after.Status, err)
			}
			if test.failed != "" && (!errors.As(err, &failure) || !strings.HasPrefix(err.Error(), test.failed) || !strings.Contains(fault.HintOf(err), test.next)) {
				t.Errorf("error is %v, want %q; %q", err, test.failed, test.next)
			}
		})
	}
}

// turning puts the stack into a status while its update is followed.
func turning(status stack.Status) situation {
	return func(t *testing.T, a *account) {
		t.Helper()
		before := a.waits
		a.during = func(waits int) {
			if waits != before+1 {
				return
			}
			if err := a.CloudFormation.Turn("nightly", string(status), ""); err != nil {
				t.Error(err)
			}
		}
	}
}

// The answer to the execution is lost, but the execution goes on.
func TestExecutionWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	a := open(t)
	a.Fail("cloudformation", "ExecuteChangeSet", wire.CutLate, 1)
	d := a.deploy()
	plan, err := d.Prepare(t.Context(), deploy.Standing{Name: "nightly", Kind: deploy.Create}, request())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := d.Execute(t.Context(), plan); err != nil || s.Status != stack.CreateComplete || a.Calls("cloudformation", "ExecuteChangeSet") != 1 {
		t.Errorf("%s, %v after %d executions", s.Status, err, a.Calls("cloudformation", "ExecuteChangeSet"))
	}
}

func TestRecreate(t *testing.T) {
	t.Parallel()
	a := open(t)
	in(stack.RollbackComplete, "Quota")(t, a)
	d := a.deploy()
	shown := false
	d.Show = func(stack.ChangeSet) { shown = true }
	standing, err := d.Assess(t.Context(), "nightly")
	if err != nil {
		t.Fatal(err)
	}

	plan, err := d.Prepare(t.Context(), standing, request())
	if err != nil || a.Calls("cloudformation", "DeleteStack") != 0 {
		t.Fatalf("%v; %d deletions before anybody agreed", err, a.Calls("cloudformation", "DeleteStack"))
	}
	if s, err := d.Execute(t.Context(), plan); err != nil || s.Status != stack.CreateComplete || !shown {
		t.Errorf("%s, %v; shown: %v", s.Status, err, shown)
	}
}

// When two deploys prepare at once, the later one continues, and the earlier one does not remove its change set.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	a := open(t)
	d := a.deploy()

	var plans [2]*deploy.Plan
	for i := range plans {
		standing, err := d.Assess(t.Context(), "nightly")
		if err != nil {
			t.Fatal(err)
		}
		plans[i], err = d.Prepare(t.Context(), standing, request())
		if err != nil {
			t.Fatal(err)
		}
	}

	if _, err := d.Execute(t.Context(), plans[0]); fault.ClassOf(err) != fault.NotUsable || fault.HintOf(err) != "run the same command again" {
		t.Errorf("error is %v", err)
	}
	if s, err := d.Execute(t.Context(), plans[1]); err != nil || s.Status != stack.CreateComplete || len(a.held(t)) != 2 {
		t.Errorf("%s, %v; %v", s.Status, err, a.held(t))
	}
}
