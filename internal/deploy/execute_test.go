package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"image-builder/internal/fault"
	"image-builder/internal/stack"
)

func TestExecute(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		future []stack.Status
		reason string
		failed string
		next   string
	}{
		"done":                 {future: []stack.Status{"UPDATE_IN_PROGRESS", stack.UpdateComplete}},
		"undone":               {future: []stack.Status{"UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"}, reason: "Quota", failed: "update stack nightly: topic Topic was not changed: Quota", next: "the stack is as it was before"},
		"cannot be undone":     {future: []stack.Status{"UPDATE_IN_PROGRESS", stack.UpdateRollbackFailed}, failed: "update stack nightly: CloudFormation gives no reason", next: "continue-update-rollback --stack-name nightly"},
		"taken away by others": {future: []stack.Status{"UPDATE_IN_PROGRESS", stack.DeleteFailed}, failed: "update stack nightly", next: "free what holds on to it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud()
			s := c.add("nightly", ours, stack.CreateComplete)
			d := c.deploy(t)
			standing, _ := d.Assess(t.Context(), "nightly")
			plan, err := d.Prepare(t.Context(), standing, request)
			if err != nil {
				t.Fatal(err)
			}

			d.Stacks = executing{c, func() {
				c.next(s)
				s.future = test.future
				if test.reason != "" {
					s.event("UPDATE_FAILED", test.reason).event("UPDATE_FAILED", "Resource update cancelled")
				}
			}}

			_, err = d.Execute(t.Context(), plan)
			var failure *Failed
			if (test.failed == "" && err != nil) || (test.failed != "" && (!errors.As(err, &failure) || !strings.HasPrefix(err.Error(), test.failed) || !strings.Contains(fault.HintOf(err), test.next))) {
				t.Errorf("error is %v, want %q; %q", err, test.failed, test.next)
			}
		})
	}
}

// executing does something of its own when a change set is executed.
type executing struct {
	Stacks
	do func()
}

func (e executing) ExecuteChangeSet(context.Context, string, string, string) error {
	e.do()
	return nil
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	denied := errors.New("expired")

	for name, test := range map[string]struct {
		fail []error
		lost error
	}{
		"throttled a while":        {fail: []error{passingError{}, passingError{}, passingError{}}},
		"throttled for ever":       {fail: append(make([]error, 0), many(passingError{}, 11)...), lost: passingError{}},
		"refused":                  {fail: []error{nil, denied}, lost: denied},
		"interrupted while it ran": {fail: []error{context.Canceled}, lost: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud()
			s := c.add("nightly", ours, "UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", stack.UpdateComplete)
			now := s.Stack
			c.fail["Stack"] = test.fail
			_, _, err := c.deploy(t).following().follow(t.Context(), now, "")
			var lost *Lost
			if (test.lost == nil && err != nil) || (test.lost != nil && (!errors.As(err, &lost) || !errors.Is(err, test.lost))) {
				t.Errorf("error is %v, want %v", err, test.lost)
			}
		})
	}
}

func many(err error, n int) []error {
	var errs []error
	for range n {
		errs = append(errs, err)
	}
	return errs
}

// The answer to the execution is lost, but the execution goes on.
func TestExecutionWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	c := newCloud()
	c.fail["ExecuteChangeSet"] = []error{passingError{}}
	d := c.deploy(t)
	plan, err := d.Prepare(t.Context(), Standing{Name: "nightly", Kind: Create}, request)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := d.Execute(t.Context(), plan); err != nil || s.Status != stack.CreateComplete {
		t.Errorf("%s, %v", s.Status, err)
	}
}

func TestRecreate(t *testing.T) {
	t.Parallel()
	c := newCloud()
	c.add("nightly", ours, stack.RollbackComplete)
	d := c.deploy(t)
	shown := false
	d.Show = func(stack.ChangeSet) { shown = true }
	standing, err := d.Assess(t.Context(), "nightly")
	if err != nil {
		t.Fatal(err)
	}

	plan, err := d.Prepare(t.Context(), standing, request)
	if err != nil || strings.Contains(strings.Join(c.calls, " "), "DeleteStack") {
		t.Fatalf("%v; before anybody agreed: %s", err, c.calls)
	}
	if s, err := d.Execute(t.Context(), plan); err != nil || s.Status != stack.CreateComplete || !shown {
		t.Errorf("%s, %v; shown: %v", s.Status, err, shown)
	}
}

// When two deploys prepare at once, the later one continues, and the earlier one does not remove its change set.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	c := newCloud()
	d := c.deploy(t)

	var plans [2]*Plan
	for i := range plans {
		standing, err := d.Assess(t.Context(), "nightly")
		if err != nil {
			t.Fatal(err)
		}
		plans[i], err = d.Prepare(t.Context(), standing, request)
		if err != nil {
			t.Fatal(err)
		}
	}

	if _, err := d.Execute(t.Context(), plans[0]); fault.ClassOf(err) != fault.NotUsable || fault.HintOf(err) != "run the same command again" {
		t.Errorf("error is %v", err)
	}
	if s, err := d.Execute(t.Context(), plans[1]); err != nil || s.Status != stack.CreateComplete || len(c.objects) != 2 {
		t.Errorf("%s, %v; %v", s.Status, err, c.objects)
	}
}
