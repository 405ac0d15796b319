package testbed

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/wire"
)

// liar is a service that does one operation wrongly.
type liar struct {
	wire.Service
	operation string
	lie       func(do func(wire.Call) (wire.Values, error), call wire.Call) (wire.Values, error)
}

// Operation is the service's, except for one.
func (l *liar) Operation(name string) func(wire.Call) (wire.Values, error) {
	do := l.Service.Operation(name)
	if name != l.operation || do == nil {
		return do
	}
	return func(call wire.Call) (wire.Values, error) { return l.lie(do, call) }
}

// lie is a wrong behaviour, and the recording that exposes it.
type lie struct {
	service, operation, recording string
	tell                          func(do func(wire.Call) (wire.Values, error), call wire.Call) (wire.Values, error)
}

// falsified changes the answer of an operation.
func falsified(change func(out wire.Values)) func(func(wire.Call) (wire.Values, error), wire.Call) (wire.Values, error) {
	return func(do func(wire.Call) (wire.Values, error), call wire.Call) (wire.Values, error) {
		out, err := do(call)
		if err == nil {
			out = wire.Normal(out).(wire.Values)
			change(out)
		}
		return out, err
	}
}

// refusing changes the refusal of an operation.
func refusing(change func(f wire.Fault) (wire.Values, error)) func(func(wire.Call) (wire.Values, error), wire.Call) (wire.Values, error) {
	return func(do func(wire.Call) (wire.Values, error), call wire.Call) (wire.Values, error) {
		out, err := do(call)
		if f := (wire.Fault{}); errors.As(err, &f) {
			return change(f)
		}
		return out, err
	}
}

// eachEvent keeps only some events.
func eachEvent(keep func(e wire.Values) bool) func(func(wire.Call) (wire.Values, error), wire.Call) (wire.Values, error) {
	return falsified(func(out wire.Values) {
		out["StackEvents"] = slices.DeleteFunc(out["StackEvents"].([]any), func(e any) bool { return !keep(e.(wire.Values)) })
	})
}

// eachStack changes described stacks.
func eachStack(change func(s wire.Values)) func(func(wire.Call) (wire.Values, error), wire.Call) (wire.Values, error) {
	return falsified(func(out wire.Values) {
		for _, s := range wire.List[wire.Values](out, "Stacks") {
			change(s)
		}
	})
}

// eachChange changes described changes of resources.
func eachChange(change func(r wire.Values)) func(func(wire.Call) (wire.Values, error), wire.Call) (wire.Values, error) {
	return falsified(func(out wire.Values) {
		for _, c := range wire.List[wire.Values](out, "Changes") {
			change(wire.Struct(c, "ResourceChange"))
		}
	})
}

// These are wrong behaviours of CloudFormation that some emulator or some version of this server has.
var lies = map[string]lie{
	"a failed resource has no event": {"cloudformation", "DescribeStackEvents", "stacks/test_blocked_stack_deletion", eachEvent(func(e wire.Values) bool {
		return !strings.HasSuffix(wire.Text(e, "ResourceStatus"), "_FAILED") || e["ResourceType"] == cloudformation.StackKind
	})},
	"a creation is not told of when its ID is known": {"cloudformation", "DescribeStackEvents", "stacks/test_list_events_after_deployment", eachEvent(func(e wire.Values) bool {
		return e["ResourceStatusReason"] != "Resource creation Initiated"
	})},
	"a resource that is kept is not told of": {"cloudformation", "DescribeStackEvents", "stacks/test_blocked_stack_deletion", eachEvent(func(e wire.Values) bool {
		return e["ResourceStatus"] != "DELETE_SKIPPED"
	})},
	"the review has no event": {"cloudformation", "DescribeStackEvents", "stacks/test_stack_deletion_order[C]", eachEvent(func(e wire.Values) bool {
		return e["ResourceStatus"] != "REVIEW_IN_PROGRESS"
	})},
	"events come oldest first": {"cloudformation", "DescribeStackEvents", "stacks/test_stack_deploy_order[A-B-C]", falsified(func(out wire.Values) {
		slices.Reverse(out["StackEvents"].([]any))
	})},
	"events have no properties": {"cloudformation", "DescribeStackEvents", "stacks/test_stack_deploy_order[C-B-A]", falsified(func(out wire.Values) {
		for _, e := range wire.List[wire.Values](out, "StackEvents") {
			delete(e, "ResourceProperties")
		}
	})},
	"no updates are a success": {"cloudformation", "UpdateStack", "stacks/test_update_stack_with_same_template_withoutchange", refusing(func(wire.Fault) (wire.Values, error) {
		return wire.Values{"StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/some-stack/1"}, nil
	})},
	"a change set without changes can be executed": {"cloudformation", "DescribeChangeSet", "changesets/test_create_change_set_no_changes", falsified(func(out wire.Values) {
		if out["Status"] == "FAILED" {
			out["Status"] = "CREATE_COMPLETE"
			out["ExecutionStatus"] = "AVAILABLE"
		}
	})},
	"a failed change set gives another reason": {"cloudformation", "DescribeChangeSet", "changesets/test_empty_changeset", falsified(func(out wire.Values) {
		if out["Status"] == "FAILED" {
			out["StatusReason"] = "No updates are to be performed."
		}
	})},
	"a failed change set is executed": {"cloudformation", "ExecuteChangeSet", "changesets/test_empty_changeset", refusing(func(wire.Fault) (wire.Values, error) { return wire.Values{}, nil })},
	"a change set is there after it was deleted": {"cloudformation", "DeleteChangeSet", "changesets/test_deleted_changeset", func(_ func(wire.Call) (wire.Values, error), _ wire.Call) (wire.Values, error) {
		return wire.Values{}, nil
	}},
	"a value of SSM is not read again": {"ssm", "GetParameters", "dynamic_resolving/test_update_parameter_between_deployments", falsified(func(out wire.Values) {
		for _, p := range wire.List[wire.Values](out, "Parameters") {
			p["Value"] = "as it was at first"
		}
	})},
	"what SSM had is not told": {"cloudformation", "DescribeChangeSet", "dynamic_resolving/test_change_parameter_type", falsified(func(out wire.Values) {
		for _, p := range wire.List[wire.Values](out, "Parameters") {
			delete(p, "ResolvedValue")
		}
	})},
	"values are shown without being asked for": {"cloudformation", "DescribeChangeSet", "dynamic_resolving/test_update_parameter_between_deployments", func(do func(wire.Call) (wire.Values, error), call wire.Call) (wire.Values, error) {
		call.In = maps.Clone(call.In)
		call.In["IncludePropertyValues"] = true
		return do(call)
	}},
	"secrets are shown": {"cloudformation", "DescribeStacks", "stacks/test_no_echo_parameter", eachStack(func(s wire.Values) {
		for _, p := range wire.List[wire.Values](s, "Parameters") {
			p["ParameterValue"] = "SecretValue"
		}
	})},
	"nothing is replaced": {"cloudformation", "DescribeChangeSet", "changesets/test_describe_changeset_after_delete", eachChange(func(r wire.Values) {
		r["Replacement"] = "False"
	})},
	"a parameter causes nothing": {"cloudformation", "DescribeChangeSet", "changesets/test_describe_changeset_after_delete", eachChange(func(r wire.Values) {
		for _, d := range wire.List[wire.Values](r, "Details") {
			delete(d, "CausingEntity")
		}
	})},
	"what is removed has no ID": {"cloudformation", "DescribeChangeSet", "stacks/test_stack_deletion_order[A-B-C]", eachChange(func(r wire.Values) {
		delete(r, "PhysicalResourceId")
	})},
	"tags are lost":                  {"cloudformation", "DescribeStacks", "stacks/test_stack_description_lifecycle[with-tags]", eachStack(func(s wire.Values) { s["Tags"] = []any{} })},
	"a stack in review is described": {"cloudformation", "DescribeStacks", "stacks/test_stack_description_lifecycle[no-tags]", eachStack(func(s wire.Values) { s["Description"] = "test <env>.test.net" })},
	"an output is missing":           {"cloudformation", "DescribeStacks", "stacks/test_subnet_id_parameter_type", eachStack(func(s wire.Values) { s["Outputs"] = []any{} })},
	"a deleted stack has outputs":    {"cloudformation", "DescribeStacks", "stacks/test_stack_lifecycle", eachStack(func(s wire.Values) { s["Outputs"] = []any{} })},
	"a stack tells of no change set": {"cloudformation", "DescribeStacks", "stacks/test_stack_lifecycle", eachStack(func(s wire.Values) { delete(s, "ChangeSetId") })},
	"a missing stack has its own code": {"cloudformation", "DescribeStacks", "stacks/test_non_existing_stack_message", refusing(func(f wire.Fault) (wire.Values, error) {
		f.Code = "StackNotFoundException"
		return nil, f
	})},
	"an error has another status": {"cloudformation", "DescribeChangeSet", "changesets/test_describe_changeset_after_delete", refusing(func(f wire.Fault) (wire.Values, error) {
		f.Status = 400
		return nil, f
	})},
	"a failed rollback is a success": {"cloudformation", "DescribeStacks", "stacks/test_blocked_stack_deletion", eachStack(func(s wire.Values) {
		s["StackStatus"] = strings.Replace(wire.Text(s, "StackStatus"), "ROLLBACK_FAILED", "ROLLBACK_COMPLETE", 1)
	})},
	"a template is written again": {"cloudformation", "GetTemplate", "update_stack/test_diff_after_update", falsified(func(out wire.Values) {
		out["TemplateBody"] = strings.TrimSpace(wire.Text(out, "TemplateBody"))
	})},
	"templates are not read before they are used": {"cloudformation", "CreateChangeSet", "validations/test_resources_blocks[invalid-key]", refusing(func(wire.Fault) (wire.Values, error) {
		return wire.Values{"Id": "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/one/1"}, nil
	})},
	"a parameter without a value is blank": {"cloudformation", "CreateChangeSet", "stacks/test_no_parameters_given", refusing(func(wire.Fault) (wire.Values, error) {
		return wire.Values{"Id": "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/one/1"}, nil
	})},
	"a new stack may have a taken name": {"cloudformation", "CreateStack", "stacks/test_name_conflicts", refusing(func(wire.Fault) (wire.Values, error) {
		return wire.Values{"StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/some-stack/1"}, nil
	})},
}

// A server that behaves wrongly differs from AWS's answers.
func TestLiesAreFound(t *testing.T) {
	t.Parallel()
	client := startForeign(t)

	for name, l := range lies {
		t.Run(name, func(t *testing.T) {
			content := recorded(t)[l.recording]
			steps := replayed()[l.recording]
			if content == nil || steps == nil {
				t.Fatalf("nothing is recorded as %s", l.recording)
			}
			r := newReplay(t, client, content)
			r.cloud.serve(&liar{Service: r.cloud.Service(l.service), operation: l.operation, lie: l.tell})
			if differences := r.run(steps); len(differences) == 0 {
				t.Error("it was not noticed")
			}

			r.cloud.Violations() // some lies also break the model
		})
	}
}
