package stacktest_test

import (
	"regexp"
	"strings"
	"testing"
)

// made is the template of a stack made long ago, whose pipeline has five fields: neither the service of today nor the test
// server makes such a pipeline.
func made(template string) string {
	return strings.Replace(template, "!Sub 'cron(${ScheduleExpression})'", "'cron(0 0 * * ? *)'", 1)
}

// TestFirstStacksAreUpdatedInPlace updates stacks of the first image-builder by a plain update and by the program.
func TestFirstStacksAreUpdatedInPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given    map[string]string
		schedule string
	}{
		"with a VPC":        {nil, "cron(0 0 * * ? *)"},
		"with five fields":  {map[string]string{"ScheduleExpression": "30 3 * * MON", "SecretsBucket": "secrets"}, "cron(30 3 ? * MON *)"},
		"in a given subnet": {map[string]string{"SubnetId": "subnet-0123456789abcdef0", "InstanceType": "m5.large"}, "cron(0 0 * * ? *)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFirst(t, made(firstTemplate(t)), test.given)
			before, _ := f.CloudFormation.Stack("nightly")
			topic := before.Outputs["Topic"]
			if out, well := f.request(string(rendered(t))); !well {
				t.Fatalf("the update is refused:\n%s", out)
			}
			f.CloudFormation.Finish("nightly")
			f.updated(topic, before.Parameters, test.schedule)
		})
	}
}

// TestEarlierStacksAreUpdatedInPlace updates a stack of this project's template as it was before its network had other names.
func TestEarlierStacksAreUpdatedInPlace(t *testing.T) {
	t.Parallel()
	f := newFirst(t, regexp.MustCompile(`\bBuild(Vpc|Gateway)`).ReplaceAllString(string(rendered(t)), "$1"), nil)
	before, _ := f.CloudFormation.Stack("nightly")
	topic := before.Outputs["OutputTopic"]
	pipeline := f.resource("Pipeline").PhysicalID
	if out, well := f.request(string(rendered(t))); !well {
		t.Fatalf("the update is refused:\n%s", out)
	}
	f.CloudFormation.Finish("nightly")
	f.updated(topic, before.Parameters, "cron(0 0 * * ? *)")
	if now := f.resource("Pipeline").PhysicalID; now != pipeline {
		t.Errorf("pipeline %s became %s", pipeline, now)
	}
}

// trap is a change of the template that a stack of the first image-builder cannot be updated with.
type trap struct {
	edits   []string // logical IDs or texts, and what is there instead
	refused string   // what CloudFormation says at once
	undone  string   // or why the update is undone
}

var traps = map[string]trap{
	"the VPC is replaced under its gateway": {
		edits: []string{"BuildVpc", "Vpc", "BuildGateway", "Gateway", "BuildGatewayAttachment", "GatewayAttachment"}, undone: "is already attached to network",
	},
	"a second gateway for the VPC": {
		edits:  []string{"BuildVpc", "Vpc", "CidrBlock: 10.0.0.0/24\n      Enable", "CidrBlock: 10.0.0.0/16\n      Enable", "CidrBlock: 10.0.0.0/24\n      Avail", "CidrBlock: 10.0.1.0/24\n      Avail"},
		undone: "already has an internet gateway attached",
	},
	"another subnet of the same addresses": {
		edits:  []string{"BuildVpc", "Vpc", "BuildGateway", "Gateway", "BuildGatewayAttachment", "GatewayAttachment", "CidrBlock: 10.0.0.0/24\n      Enable", "CidrBlock: 10.0.0.0/16\n      Enable"},
		undone: "conflicts with another subnet",
	},
	"a name that the old one still has": {
		edits:  []string{"Distribution", "Regions", "      Name: !Ref AWS::StackName\n      Distributions", "      Name: !Sub '${AWS::StackName}-Distribution'\n      Distributions"},
		undone: "already exists",
	},
	"another type under a logical ID": {
		edits:   []string{"OutputTopic:\n    Type: AWS::SNS::Topic", "OutputTopic:\n    Type: AWS::SQS::Queue"},
		refused: "modifies resource type of the following resources: [OutputTopic]",
	},
}

// edited is the template with other logical IDs and texts.
func (tr trap) edited(t *testing.T) string {
	t.Helper()
	text := string(rendered(t))
	for i := 0; i < len(tr.edits); i += 2 {
		old := regexp.MustCompile(`(\b)` + regexp.QuoteMeta(tr.edits[i]) + `\b`)
		if strings.Contains(tr.edits[i], "\n") {
			old = regexp.MustCompile(`()` + regexp.QuoteMeta(tr.edits[i]))
		}
		if !old.MatchString(text) {
			t.Fatalf("the template has no %s", tr.edits[i])
		}
		text = old.ReplaceAllLiteralString(text, tr.edits[i+1])
	}
	return text
}

// TestTrapsOfAnUpdateInPlaceAreNoticed shows that the test server refuses what AWS refuses, so that an update which goes
// through there says something.
func TestTrapsOfAnUpdateInPlaceAreNoticed(t *testing.T) {
	t.Parallel()
	for name, trap := range traps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFirst(t, firstTemplate(t), nil)
			topic := f.resource("OutputTopic").PhysicalID
			out, well := f.request(trap.edited(t))
			if well != (trap.refused == "") || !strings.Contains(out, trap.refused) {
				t.Fatalf("the update is answered with:\n%s", out)
			}

			after, _ := f.CloudFormation.Finish("nightly")
			want := "UPDATE_ROLLBACK_COMPLETE"
			if trap.refused != "" {
				want = "CREATE_COMPLETE"
			}
			if after.Status != want || !strings.Contains(f.failure(), trap.undone) || f.resource("OutputTopic").PhysicalID != topic {
				t.Errorf("the stack is in %s: %s", after.Status, f.failure())
			}
		})
	}
}

// failure is the reason of the first event that tells of one.
func (f *takenOver) failure() string {
	out, _ := f.aws("cloudformation", "describe-stack-events", "--stack-name", "nightly", "--query",
		"reverse(StackEvents)[?ends_with(ResourceStatus, '_FAILED')].ResourceStatusReason | [0]", "--output", "text")
	return out
}

// TestNoLogicalIDHasAnotherType holds whatever is added to the template to the types that stacks of the first image-builder
// have under a logical ID: CloudFormation never changes one.
func TestNoLogicalIDHasAnotherType(t *testing.T) {
	t.Parallel()
	old := parse(t, []byte(firstTemplate(t))).Section("Resources")
	both := 0
	for name, body := range template(t).Section("Resources") {
		if old[name] == nil {
			continue
		}
		both++
		was := old[name].(map[string]any)["Type"]
		if is := body.(map[string]any)["Type"]; was != is {
			t.Errorf("%s is of type %v, and was %v", name, is, was)
		}
	}
	if both < 8 {
		t.Errorf("only %d logical IDs are in both templates", both)
	}
}
