package testbed

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"

	cloudformationtest "image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/wire"
)

// changesOf returns action and replacement of each change.
func changesOf(cs *cloudformation.DescribeChangeSetOutput) map[string]string {
	all := map[string]string{}
	for _, change := range cs.Changes {
		r := change.ResourceChange
		all[*r.LogicalResourceId] = strings.TrimSpace(string(r.Action) + " " + string(r.Replacement))
	}
	return all
}

// physical returns the physical IDs of a stack's resources.
func (o *ours) physical() map[string]string {
	all := map[string]string{}
	for _, r := range o.cloud.CloudFormation.Resources("nightly") {
		all[r.LogicalID] = r.PhysicalID
	}
	return all
}

// A parameter changes a property without replacing the resource.
func TestUpdateInPlace(t *testing.T) {
	t.Parallel()
	o := newOurs(t)
	o.deploy()
	before := o.physical()

	cs := o.changeSet(types.ChangeSetTypeUpdate, map[string]string{"LogRetentionDays": "90"}, "BaseAmiParameter", "OutputAmiParameter")
	for name, change := range changesOf(cs) {
		if change != "Modify False" {
			t.Errorf("%s: %s", name, change)
		}
	}

	logs := slices.IndexFunc(cs.Changes, func(change types.Change) bool { return *change.ResourceChange.LogicalResourceId == "ImageLogs" })
	target := cs.Changes[logs].ResourceChange.Details[0]
	if *target.CausingEntity != "LogRetentionDays" || *target.Target.Path != "/Properties/RetentionInDays" || *target.Target.AfterValue != "90" {
		t.Errorf("detail %+v of %+v", target, target.Target)
	}
	if s := o.execute(cs); s.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("stack is %s", s.StackStatus)
	}
	if diff := cmp.Diff(before, o.physical()); diff != "" {
		t.Errorf("physical IDs (-before +after):\n%s", diff)
	}
}

// A property that only a new resource can have replaces it, and changes the resources that refer to it.
func TestUpdateWithReplacement(t *testing.T) {
	t.Parallel()
	o := newOurs(t)
	s := o.deploy()
	before := o.physical()
	cs := o.changeSet(types.ChangeSetTypeUpdate, map[string]string{"BaseAmiParameter": "/base/other", "OutputAmiParameter": "/output/ami"})
	changes := changesOf(cs)
	if changes["Recipe"] != "Modify True" || changes["Pipeline"] != "Modify False" {
		t.Errorf("changes %v", changes)
	}

	if s := o.execute(cs); s.StackStatus != types.StackStatusUpdateComplete {
		t.Fatalf("stack is %s: %s\n%s", s.StackStatus, aws.ToString(s.StackStatusReason), strings.Join(o.events("nightly"), "\n"))
	}
	after := o.physical()
	if before["Recipe"] == after["Recipe"] || before["Pipeline"] != after["Pipeline"] {
		t.Errorf("recipe %s, then %s", before["Recipe"], after["Recipe"])
	}

	events := o.events(*s.StackId)
	made := slices.Index(events, "Recipe UPDATE_COMPLETE")
	cleaned := slices.Index(events, "nightly UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")

	gone := slices.Index(events, "Recipe DELETE_COMPLETE")
	if made < 0 || cleaned < made || gone < cleaned {
		t.Errorf("events:\n%s", strings.Join(events, "\n"))
	}
}

// A failed update leaves everything as it was.
func TestUpdateThatFails(t *testing.T) {
	t.Parallel()
	o := newOurs(t)
	o.deploy()
	before := o.physical()
	parameters := mustStack(t, o.cloud).Parameters
	properties := o.properties()
	o.cloud.CloudFormation.FailResource("Pipeline", "no such schedule", 1)

	s := o.execute(o.changeSet(types.ChangeSetTypeUpdate, map[string]string{"BaseAmiParameter": "/base/other", "OutputAmiParameter": "/output/ami"}))
	if s.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Fatalf("stack is %s: %s\n%s", s.StackStatus, aws.ToString(s.StackStatusReason), strings.Join(o.events("nightly"), "\n"))
	}
	if diff := cmp.Diff(before, o.physical()) + cmp.Diff(parameters, mustStack(t, o.cloud).Parameters) + cmp.Diff(properties, o.properties()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}

	events := o.events("nightly")
	if !slices.Contains(events, "nightly UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Pipeline].") {
		t.Errorf("events:\n%s", strings.Join(events, "\n"))
	}
	s = o.execute(o.changeSet(types.ChangeSetTypeUpdate, map[string]string{"BaseAmiParameter": "/base/other", "OutputAmiParameter": "/output/ami"}))
	if s.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("stack is %s after the same update once more", s.StackStatus)
	}
}

func mustStack(t *testing.T, c *Cloud) cloudformationtest.Stack {
	t.Helper()
	s, ok := c.CloudFormation.Stack("nightly")
	if !ok {
		t.Fatal("there is no stack nightly")
	}
	return s
}

func (o *ours) properties() map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, r := range o.cloud.CloudFormation.Resources("nightly") {
		all[r.LogicalID] = maps.Clone(r.Properties)
	}
	return all
}

func TestRollbackThatFails(t *testing.T) {
	t.Parallel()
	o := newOurs(t)
	o.deploy()
	o.cloud.CloudFormation.FailResource("Pipeline", "no such schedule", 1)
	o.cloud.CloudFormation.FailRollback("Pipeline", "still no such schedule", 1)

	s := o.execute(o.changeSet(types.ChangeSetTypeUpdate, map[string]string{"BaseAmiParameter": "/base/other", "OutputAmiParameter": "/output/ami"}))
	if s.StackStatus != types.StackStatusUpdateRollbackFailed {
		t.Fatalf("stack is %s: %s", s.StackStatus, aws.ToString(s.StackStatusReason))
	}
	if _, err := o.client.ContinueUpdateRollback(t.Context(), &cloudformation.ContinueUpdateRollbackInput{StackName: s.StackName}); err != nil {
		t.Fatal(err)
	}

	s = o.end("nightly")
	if s.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Errorf("stack is %s: %s", s.StackStatus, aws.ToString(s.StackStatusReason))
	}
}

func TestUpdateThatIsCancelled(t *testing.T) {
	t.Parallel()
	o := newOurs(t)
	o.deploy()

	cs := o.changeSet(types.ChangeSetTypeUpdate, map[string]string{"LogRetentionDays": "90"}, "BaseAmiParameter", "OutputAmiParameter")
	if _, err := o.client.ExecuteChangeSet(t.Context(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: cs.ChangeSetId}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("nightly")}); code(err) != "ValidationError" {
		t.Errorf("error %v, want ValidationError: the stack is being updated", err)
	}
	if _, err := o.client.CancelUpdateStack(t.Context(), &cloudformation.CancelUpdateStackInput{StackName: aws.String("nightly")}); err != nil {
		t.Fatal(err)
	}

	if s := o.end("nightly"); s.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Errorf("stack is %s: %s", s.StackStatus, aws.ToString(s.StackStatusReason))
	}
	if _, err := o.client.CancelUpdateStack(t.Context(), &cloudformation.CancelUpdateStackInput{StackName: aws.String("nightly")}); code(err) != "ValidationError" {
		t.Errorf("error %v, want ValidationError: nothing is under way", err)
	}
}

// keeps reports whether a parameter with UsePreviousValue keeps the stack's value.
func keeps(t *testing.T, c *Cloud) bool {
	t.Helper()
	if _, err := c.CloudFormation.Put(cloudformationtest.Stack{Name: "s", Template: simpleTemplate, Parameters: map[string]string{"TopicName": "chosen"}, Status: "CREATE_COMPLETE"}); err != nil {
		t.Fatal(err)
	}
	_, err := cloudformation.NewFromConfig(c.config("cloudformation")).UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName: aws.String("s"), TemplateBody: aws.String(simpleTemplate),
		Parameters: []types.Parameter{{ParameterKey: aws.String("TopicName"), UsePreviousValue: aws.Bool(true)}},
	})
	return err != nil && strings.Contains(err.Error(), "No updates are to be performed.")
}

func TestPreviousValue(t *testing.T) {
	t.Parallel()
	if !keeps(t, Start(t)) {
		t.Error("a parameter that keeps its value is changed")
	}

	c := Start(t)
	c.serve(&liar{Service: c.Service("cloudformation"), operation: "UpdateStack", lie: func(do func(wire.Call) (wire.Values, error), call wire.Call) (wire.Values, error) {
		call.In["Parameters"] = []any{} // the defaults
		return do(call)
	}})
	if keeps(t, c) {
		t.Error("a server that forgets previous values is not noticed")
	}
}
