package deploy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/deploy"
	"image-builder/internal/stack"
	"image-builder/internal/testbed/wire"
)

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*account){
		"discarded":                   nil,
		"no script":                   func(a *account) { a.FailAfter(1, "s3", "PutObject", denied, 1) },
		"no change set":               func(a *account) { a.Fail("cloudformation", "CreateChangeSet", denied, 1) },
		"a change set that fails":     func(a *account) { a.CloudFormation.FailChangeSet("no such parameter", 1) },
		"throttled":                   func(a *account) { a.Fail("cloudformation", "CreateChangeSet", wire.Throttled, 1) },
		"an answer that was lost":     func(a *account) { a.Fail("cloudformation", "CreateChangeSet", wire.CutLate, 1) },
		"an execution that is none":   func(a *account) { a.Fail("cloudformation", "ExecuteChangeSet", denied, 1) },
		"a stack that cannot be seen": func(a *account) { a.FailAfter(1, "cloudformation", "DescribeStacks", wire.ExpiredToken, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)

			if spoil != nil {
				spoil(a)
			}

			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			d := a.deploy()
			standing, err := d.Assess(ctx, "nightly")
			if err != nil {
				t.Fatal(err)
			}

			plan, err := d.Prepare(ctx, standing, request())
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

			if left := a.left(); len(left) > 0 {
				t.Errorf("left: %s", left)
			}
			if a.Calls("s3", "CreateBucket") != 1 {
				t.Error("no bucket was made that could be left")
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
		"ours":            {owner: wire.Account},
		"another owner's": {owner: "111122223333", make: true, failed: "belongs to another account"},
		"none":            {failed: "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)

			if test.owner != "" {
				if err := a.S3.CreateBucket(bucket, test.owner); err != nil {
					t.Fatal(err)
				}
			}

			wanted := request()
			wanted.Bucket.Make = test.make
			plan, err := a.deploy().Prepare(t.Context(), deploy.Standing{Name: "nightly", Kind: deploy.Create}, wanted)

			if test.failed != "" {
				if err == nil || !strings.Contains(err.Error(), test.failed) {
					t.Errorf("error is %v", err)
				}
				return
			}
			if err != nil || plan.NewBucket != "" || len(a.held(t)) != 2 {
				t.Fatalf("%+v, %v, %v", plan, err, a.held(t))
			}

			sent := a.Calls("s3", "PutObject")
			if err := a.deploy().Discard(t.Context(), plan); err != nil || len(a.held(t)) != 2 {
				t.Errorf("a bucket that was there before holds %v, %v", a.held(t), err)
			}
			if _, err := a.deploy().Prepare(t.Context(), deploy.Standing{Name: "nightly", Kind: deploy.Create}, wanted); err != nil || a.Calls("s3", "PutObject") != sent {
				t.Errorf("%v: objects that are there were sent again", err)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	a := open(t)
	older := strings.Replace(strings.Replace(template, "New:", "Old:", 1), `  Base: {Type: String, Default: ""}`+"\n", "", 1)
	put(older, stack.CreateComplete, "", map[string]string{"InstanceType": "t3.large", "KeepImages": "7", "Old": "x"})(t, a)
	d := a.deploy()
	standing, err := d.Assess(t.Context(), "nightly")
	if err != nil {
		t.Fatal(err)
	}

	plan, err := d.Prepare(t.Context(), standing, request())
	if err != nil {
		t.Fatal(err)
	}
	want := []deploy.Setting{{Name: "Base", After: "/b"}, {Name: "InstanceType", Before: "t3.large", After: "m7i.large"}, {Name: "Old", Before: "x", Default: true}}
	if diff := cmp.Diff(want, plan.Settings); diff != "" {
		t.Error(diff)
	}

	after, err := d.Execute(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]string{"InstanceType": "m7i.large", "KeepImages": "7", "Base": "/b", "New": ""}
	if diff := cmp.Diff(kept, after.Parameters); diff != "" {
		t.Error(diff)
	}
}

func TestNoChanges(t *testing.T) {
	t.Parallel()
	a := open(t)
	put(template, stack.UpdateComplete, "", map[string]string{"InstanceType": "m7i.large", "Base": "/b"})(t, a)
	d := a.deploy()
	standing, err := d.Assess(t.Context(), "nightly")
	if err != nil {
		t.Fatal(err)
	}

	plan, err := d.Prepare(t.Context(), standing, request())
	if err != nil || !plan.Unchanged {
		t.Fatalf("%+v, %v", plan, err)
	}
	sets, err := a.stacks.ChangeSetNames(t.Context(), "nightly")
	if s, _ := a.CloudFormation.Stack("nightly"); err != nil || len(sets) != 0 || s.Status != string(stack.UpdateComplete) {
		t.Errorf("the stack is in %s with the change sets %v, %v", s.Status, sets, err)
	}
}

// Leftovers of a killed run do not disturb the next one.
func TestChangeSetThatWasLeft(t *testing.T) {
	t.Parallel()
	a := open(t)
	waiting("image-builder")(t, a)
	left, err := a.stacks.ChangeSet(t.Context(), "nightly", "image-builder")
	if err != nil {
		t.Fatal(err)
	}

	d := a.deploy()
	standing, err := d.Assess(t.Context(), "nightly")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := d.Prepare(t.Context(), standing, request())
	if err != nil || plan.ChangeSet.ID == left.ID || plan.ChangeSet.Status != stack.CreateComplete {
		t.Fatalf("%+v, %v", plan, err)
	}
	if s, err := d.Execute(t.Context(), plan); err != nil || s.Status != stack.CreateComplete || s.Parameters["Base"] != "/b" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestOnlyMissesCount waits for a change set for more looks than patience allows failures in a row; one of the late
// looks gets no answer.
func TestOnlyMissesCount(t *testing.T) {
	t.Parallel()
	a := open(t)
	a.CloudFormation.DelayChangeSets(20)
	a.FailAfter(15, "cloudformation", "DescribeChangeSet", wire.Throttled, 1)
	plan, err := a.deploy().Prepare(t.Context(), deploy.Standing{Name: "nightly", Kind: deploy.Create}, request())
	if err != nil || plan.ChangeSet.Status != stack.CreateComplete || a.Calls("cloudformation", "DescribeChangeSet") < 20 || len(a.notes) == 0 {
		t.Errorf("%+v, %v after %d looks", plan, err, a.Calls("cloudformation", "DescribeChangeSet"))
	}
}
