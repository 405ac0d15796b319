package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/fault"
	"image-builder/internal/stack"
)

func TestAssess(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		statuses    []stack.Status
		description string
		set         string // a change set of that name waits
		reason      string
		kind        Kind
		why         string
		refused     string // part of the error and its hint
	}{
		"none":                            {kind: Create},
		"one that works":                  {statuses: []stack.Status{stack.CreateComplete}, description: ours, kind: Update},
		"an update that was undone":       {statuses: []stack.Status{"UPDATE_ROLLBACK_COMPLETE"}, description: ours, kind: Update},
		"another owner's":                 {statuses: []stack.Status{stack.CreateComplete}, description: "mine", refused: "not made by image-builder (CREATE_COMPLETE): choose another name with --stack"},
		"another owner's that failed":     {statuses: []stack.Status{stack.RollbackComplete}, refused: "not made by image-builder"},
		"our change set waits":            {statuses: []stack.Status{stack.ReviewInProgress}, set: changeSetName, kind: Create},
		"nothing waits":                   {statuses: []stack.Status{stack.ReviewInProgress}, kind: Create},
		"another user's change set waits": {statuses: []stack.Status{stack.ReviewInProgress}, set: "mine", refused: "delete-stack --stack-name nightly"},
		"a first deploy that failed":      {statuses: []stack.Status{"CREATE_IN_PROGRESS", stack.RollbackComplete}, description: ours, reason: "Quota", kind: Recreate, why: "topic Topic was not created: Quota"},
		"a deletion that failed":          {statuses: []stack.Status{stack.DeleteFailed}, description: ours, kind: Recreate, why: "CloudFormation gives no reason"},
		"an update that cannot be undone": {statuses: []stack.Status{stack.UpdateRollbackFailed}, description: ours, refused: "continue-update-rollback --stack-name nightly"},
		"an update under way":             {statuses: []stack.Status{"UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", stack.UpdateComplete}, description: ours, kind: Update},
		"a creation under way that fails": {statuses: []stack.Status{"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", stack.RollbackComplete}, description: ours, reason: "Quota", kind: Recreate, why: "topic Topic was not created: Quota"},
		"a deletion under way":            {statuses: []stack.Status{"DELETE_IN_PROGRESS", stack.DeleteComplete}, description: ours, kind: Create},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud()

			if len(test.statuses) > 0 {
				s := c.add("nightly", test.description, test.statuses...)
				if test.set != "" {
					s.set = &stack.ChangeSet{ID: "set", Name: test.set, Status: stack.CreateComplete}
				}
				if test.reason != "" {
					s.event("CREATE_FAILED", test.reason)
				}
			}

			got, err := c.deploy(t).Assess(t.Context(), "nightly")

			if test.refused != "" {
				if fault.ClassOf(err) != fault.NotUsable || !strings.Contains(err.Error()+": "+fault.HintOf(err), test.refused) {
					t.Fatalf("error is %v, want %q", err, test.refused)
				}
				return
			}

			if err != nil || got.Kind != test.kind || got.Why != test.why {
				t.Errorf("got %s %q, %v; want %s %q", got.Kind, got.Why, err, test.kind, test.why)
			}
		})
	}
}

var request = Request{
	Template: []byte("template"), Parameters: map[string]string{"InstanceType": "m7i.large", "Base": "/b"}, Keep: []string{"KeepImages", "New"},
	Uploads: []Upload{{Key: "image-builder/1/script.sh", Body: []byte("#!/bin/sh")}}, Bucket: Bucket{Name: "b", Owner: "1", Make: true},
}

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*cloud){
		"discarded":                   nil,
		"no script":                   func(c *cloud) { c.fail["Put script.sh"] = []error{errors.New("denied")} },
		"no change set":               func(c *cloud) { c.fail["CreateChangeSet"] = []error{errors.New("denied")} },
		"a change set that fails":     func(c *cloud) { c.refused = "no such parameter" },
		"an answer that was lost":     func(c *cloud) { c.fail["CreateChangeSet"] = []error{passingError{}} },
		"an execution that is none":   func(c *cloud) { c.fail["ExecuteChangeSet"] = []error{errors.New("denied")} },
		"a stack that cannot be seen": func(c *cloud) { c.fail["Stack"] = []error{nil, errors.New("expired")} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud()

			if spoil != nil {
				spoil(c)
			}

			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			d := c.deploy(t)
			standing, err := d.Assess(ctx, "nightly")
			if err != nil {
				t.Fatal(err)
			}

			plan, err := d.Prepare(ctx, standing, request)
			if err == nil && spoil != nil {
				_, err = d.Execute(ctx, plan)
			}

			if (err == nil) == (spoil != nil) {
				t.Fatalf("error is %v", err)
			}

			if spoil == nil {
				interrupt() // cleaning up must not depend on it
				if err := d.Discard(ctx, plan); err != nil {
					t.Fatal(err)
				}
			}

			if c.stacks["nightly"] != nil || len(c.buckets) != 0 || len(c.objects) != 0 {
				t.Errorf("left: %v %v %v", c.stacks, c.buckets, c.objects)
			}
		})
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		owner  string
		make   bool
		failed string
	}{
		"ours":            {owner: "1"},
		"another owner's": {owner: "2", make: true, failed: "belongs to another account"},
		"none":            {failed: "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud()

			if test.owner != "" {
				c.buckets["b"] = test.owner
			}

			wanted := request
			wanted.Bucket.Make = test.make
			plan, err := c.deploy(t).Prepare(t.Context(), Standing{Name: "nightly", Kind: Create}, wanted)

			if test.failed != "" {
				if err == nil || !strings.Contains(err.Error(), test.failed) {
					t.Errorf("error is %v", err)
				}
				return
			}
			if err != nil || plan.NewBucket != "" || len(c.objects) != 2 {
				t.Fatalf("%+v, %v, %v", plan, err, c.objects)
			}

			c.calls = nil
			if err := c.deploy(t).Discard(t.Context(), plan); err != nil || c.buckets["b"] == "" || len(c.objects) != 2 {
				t.Errorf("a bucket that was there before is %q with %v, %v", c.buckets["b"], c.objects, err)
			}
			if _, err := c.deploy(t).Prepare(t.Context(), Standing{Name: "nightly", Kind: Create}, wanted); err != nil || strings.Contains(strings.Join(c.calls, " "), "Put") {
				t.Errorf("%v: objects that are there were sent again: %s", err, c.calls)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	c := newCloud()
	s := c.add("nightly", ours, stack.CreateComplete)
	s.Parameters["Old"] = "x"
	d := c.deploy(t)
	standing, _ := d.Assess(t.Context(), "nightly")
	plan, err := d.Prepare(t.Context(), standing, request)
	if err != nil {
		t.Fatal(err)
	}

	want := []Setting{{Name: "Base", After: "/b"}, {Name: "InstanceType", Before: "t3.large", After: "m7i.large"}, {Name: "Old", Before: "x", Default: true}}
	if diff := cmp.Diff(want, plan.Settings); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"KeepImages"}, plan.wanted.Keep); diff != "" {
		t.Error(diff)
	}
}

func TestBlame(t *testing.T) {
	t.Parallel()
	changes := []stack.Change{{Details: []stack.Detail{
		{Path: "a", Before: "jq", After: "jq curl"}, {Path: "b", Before: "jq", After: "jq curl", Cause: "Other"}, {Path: "c", Before: "jq"}, {Path: "d"},
	}}}
	blame(changes, []Setting{{Name: "New"}, {Name: "Packages", Before: "jq", After: "jq curl"}})

	var causes []string
	for _, d := range changes[0].Details {
		causes = append(causes, d.Cause)
	}

	if diff := cmp.Diff([]string{"Packages", "Other", "", ""}, causes); diff != "" {
		t.Error(diff)
	}
}

func TestNoChanges(t *testing.T) {
	t.Parallel()
	c := newCloud()
	c.empty = true
	s := c.add("nightly", ours, stack.UpdateComplete)
	plan, err := c.deploy(t).Prepare(t.Context(), Standing{Name: "nightly", Kind: Update, Stack: s.Stack}, request)
	if err != nil || !plan.Unchanged || s.set != nil || s.Status != stack.UpdateComplete {
		t.Errorf("%+v, %v; change set %v", plan, err, s.set)
	}
}

// Leftovers of a killed run do not disturb the next one.
func TestChangeSetThatWasLeft(t *testing.T) {
	t.Parallel()
	c := newCloud()
	c.add("nightly", "", stack.ReviewInProgress).set = &stack.ChangeSet{ID: "old", Name: changeSetName, Status: stack.CreateComplete}
	d := c.deploy(t)
	standing, err := d.Assess(t.Context(), "nightly")
	if err != nil {
		t.Fatal(err)
	}

	plan, err := d.Prepare(t.Context(), standing, request)
	if err != nil || plan.ChangeSet.ID != "set 1" {
		t.Fatalf("%+v, %v", plan, err)
	}
	if s, err := d.Execute(t.Context(), plan); err != nil || s.Status != stack.CreateComplete {
		t.Errorf("%s, %v", s.Status, err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		statuses    []stack.Status
		description string
		refused     string
		failed      string
	}{
		"deleted":         {statuses: []stack.Status{stack.CreateComplete}, description: ours},
		"nothing works":   {statuses: []stack.Status{stack.RollbackComplete}, description: ours},
		"none":            {refused: "not found"},
		"another owner's": {statuses: []stack.Status{stack.CreateComplete}, refused: "not made by image-builder"},
		"a failure":       {statuses: []stack.Status{stack.CreateComplete, stack.CreateComplete, "DELETE_IN_PROGRESS", stack.DeleteFailed}, description: ours, failed: "delete stack nightly: CloudFormation gives no reason"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud()

			if len(test.statuses) > 0 {
				c.add("nightly", test.description, test.statuses...)
			}

			d := c.remover()
			s, err := d.Assess(t.Context(), "nightly")

			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Errorf("error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}

			err = d.Run(t.Context(), s)
			if (test.failed == "" && (err != nil || c.stacks["nightly"] != nil)) || (test.failed != "" && (err == nil || err.Error() != test.failed)) {
				t.Errorf("error is %v, stack %v", err, c.stacks["nightly"])
			}
		})
	}
}

// slow is a change set that takes many looks; one of the late ones gets no answer.
type slow struct {
	Stacks
	looks int
}

func (s *slow) ChangeSet(context.Context, string, string) (stack.ChangeSet, error) {
	s.looks++
	switch {
	case s.looks == 15:
		return stack.ChangeSet{}, passingError{}
	case s.looks > 15:
		return stack.ChangeSet{Status: stack.CreateComplete}, nil
	}
	return stack.ChangeSet{Status: "CREATE_IN_PROGRESS"}, nil
}

// TestOnlyMissesCount waits for a change set for more looks than patience allows failures in a row.
func TestOnlyMissesCount(t *testing.T) {
	t.Parallel()
	d := &Deploy{Stacks: &slow{}, Wait: func(context.Context, time.Duration) error { return nil }}
	if c, err := d.settled(t.Context(), "s", "c"); err != nil || c.Status != stack.CreateComplete {
		t.Errorf("the change set is %s, %v", c.Status, err)
	}
}
