package stacktest_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/cloudformation/intrinsic"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/venv"
)

const firstStack = "../../internal/testbed/testdata/first-stack.yml"

// firstTemplate is a stand-in for the template of the first image-builder.
func firstTemplate(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(firstStack)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// takenOver is a stack of the first image-builder, in an account of its own.
type takenOver struct {
	*testbed.Cloud

	t      *testing.T
	topics []string // events of topics
}

func newFirst(t *testing.T, template string, more map[string]string) *takenOver {
	t.Helper()
	f := &takenOver{Cloud: testbed.Start(t), t: t}
	base := f.EC2.AddAMI(ec2.AMI{Name: "buildkite-stack-linux-x86_64", Owner: "172840064832", Public: true})
	f.SSM.Put(ssm.Parameter{Name: "/buildkite/base-ami", Value: base})
	f.SSM.Put(ssm.Parameter{Name: "/buildkite/agent-ami", Value: base})
	f.put("scripts", "bootstrap.sh", "#!/bin/sh\n")
	given := map[string]string{
		"BaseAmiParameter": "/buildkite/base-ami", "OutputAmiParameter": "/buildkite/agent-ami", "BootstrapScriptUrl": "s3://scripts/bootstrap.sh",
		"InstanceType": "t3.large",
	}
	maps.Copy(given, more)
	if _, err := f.CloudFormation.Put(cloudformation.Stack{Name: "nightly", Template: template, Status: "CREATE_COMPLETE", Parameters: given}); err != nil {
		t.Fatal(err)
	}

	note := func(verb string) func(cloudformation.Resource) error {
		return func(r cloudformation.Resource) error {
			f.topics = append(f.topics, verb+" "+r.LogicalID)
			return nil
		}
	}
	f.CloudFormation.OnCreate("AWS::SNS::Topic", note("made"))
	f.CloudFormation.OnDelete("AWS::SNS::Topic", note("removed"))

	return f
}

func (f *takenOver) put(bucket, key, text string) {
	f.t.Helper()
	if err := f.S3.Put(bucket, key, []byte(text)); err != nil {
		f.t.Fatal(err)
	}
}

// run returns what a program says, and whether it ended well.
func (f *takenOver) run(program string, args ...string) (said string, well bool) {
	f.t.Helper()
	command := exec.CommandContext(f.t.Context(), program, args...)
	command.Dir = f.t.TempDir()
	command.Env = append(os.Environ(), f.Env()...)
	command.Env = append(command.Env, "AWS_PAGER=")
	out, err := command.CombinedOutput()
	return string(out), err == nil
}

func (f *takenOver) aws(args ...string) (said string, well bool) {
	f.t.Helper()
	return f.run(filepath.Join(filepath.Dir(venv.Python(f.t)), "aws"), args...)
}

// request is what the console does: another template, and every parameter that both have as it is.
func (f *takenOver) request(template string) (said string, well bool) {
	f.t.Helper()
	f.put("templates", "aws-stack.yml", template)
	before, _ := f.CloudFormation.Stack("nightly")
	args := []string{
		"cloudformation", "update-stack", "--stack-name", "nightly", "--capabilities", "CAPABILITY_IAM",
		"--template-url", "https://s3.eu-central-1.amazonaws.com/templates/aws-stack.yml", "--parameters",
	}
	for _, name := range slices.Sorted(maps.Keys(before.Parameters)) {
		args = append(args, "ParameterKey="+name+",UsePreviousValue=true")
	}
	return f.aws(args...)
}

func (f *takenOver) resource(logicalID string) cloudformation.Resource {
	for _, r := range f.CloudFormation.Resources("nightly") {
		if r.LogicalID == logicalID {
			return r
		}
	}
	return cloudformation.Resource{}
}

// updated checks that a stack is one of this template, and that its topic is the one it had.
func (f *takenOver) updated(topic string, before map[string]string, schedule string) {
	f.t.Helper()
	after, _ := f.CloudFormation.Stack("nightly")
	if after.Status != "UPDATE_COMPLETE" || after.Reason != "" {
		f.t.Errorf("the stack is in %s: %s", after.Status, after.Reason)
	}
	if after.Outputs["Topic"] != topic || after.Outputs["OutputTopic"] != topic || f.resource("OutputTopic").PhysicalID != topic {
		f.t.Errorf("the topic was %s; now the outputs are %v", topic, after.Outputs)
	}
	if slices.ContainsFunc(f.topics, func(event string) bool { return strings.HasSuffix(event, " OutputTopic") }) {
		f.t.Errorf("a topic without its subscribers: %v", f.topics)
	}

	kept := map[string]string{}
	for name := range before {
		kept[name] = after.Parameters[name]
	}
	if diff := cmp.Diff(before, kept); diff != "" {
		f.t.Errorf("parameters (-before +after):\n%s", diff)
	}
	if got := f.resource("Pipeline").Properties["Schedule"].(map[string]any)["ScheduleExpression"]; got != schedule {
		f.t.Errorf("the schedule is %v, want %s", got, schedule)
	}

	var there, wanted []string
	for _, r := range f.CloudFormation.Resources("nightly") {
		there = append(there, r.LogicalID)
	}
	parsed, err := intrinsic.Deploy(template(f.t), after.Parameters)
	if err != nil {
		f.t.Fatal(err)
	}
	for name := range parsed.Resources {
		wanted = append(wanted, name)
	}
	slices.Sort(wanted)
	if diff := cmp.Diff(wanted, there); diff != "" {
		f.t.Errorf("resources (-of the template +of the stack):\n%s", diff)
	}
}
