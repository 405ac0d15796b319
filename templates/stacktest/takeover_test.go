package stacktest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/programtest"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/venv"
)

// TestAStackOfTheAWSCLIIsTakenOver makes a stack without this program, by AWS's own CLI, and goes on with the program.
func TestAStackOfTheAWSCLIIsTakenOver(t *testing.T) {
	t.Parallel()
	cloud := testbed.Start(t)
	dir := t.TempDir()
	base := cloud.EC2.AddAMI(ec2.AMI{Name: "buildkite-stack-linux-x86_64", Owner: "172840064832", Public: true})
	cloud.SSM.Put(ssm.Parameter{Name: "/buildkite/base-ami", Value: base})
	run := func(program string, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), program, args...)
		command.Dir = dir
		command.Env = append(os.Environ(), cloud.Env()...)
		command.Env = append(command.Env, "AWS_PAGER=")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
		}
		return string(out)
	}

	template := run(programtest.Path(t), "template")
	if err := cloud.S3.Put("acme-templates", "aws-stack.yml", []byte(template)); err != nil {
		t.Fatal(err)
	}
	run(filepath.Join(filepath.Dir(venv.Python(t)), "aws"), "cloudformation", "create-stack", "--stack-name", "nightly-ami",
		"--template-url", "https://s3.eu-central-1.amazonaws.com/acme-templates/aws-stack.yml", "--capabilities", "CAPABILITY_IAM", "--parameters",
		"ParameterKey=BaseAmiParameter,ParameterValue=/buildkite/base-ami", "ParameterKey=OutputAmiParameter,ParameterValue=/buildkite/agent-ami",
		"ParameterKey=KeepImages,ParameterValue=3")

	cloud.CloudFormation.Finish("nightly-ami")
	if out := run(programtest.Path(t), "status"); !strings.Contains(out, "nightly-ami, CREATE_COMPLETE") {
		t.Errorf("status says:\n%s", out)
	}
	out := run(programtest.Path(t), "deploy", "--stack", "nightly-ami", "--base", "ssm:/buildkite/base-ami", "--output", "/buildkite/agent-ami", "--packages", "jq", "--yes")
	if !strings.Contains(out, "to be updated") || strings.Contains(out, "KeepImages") {
		t.Errorf("deploy, which keeps what no flag names, says:\n%s", out)
	}
}
