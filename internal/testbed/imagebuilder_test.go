package testbed

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/ec2"
	imagebuildertest "image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// nightly makes the pipeline of a stack whose base AMI is in a parameter.
func (c *Cloud) nightly(change func(*imagebuildertest.Pipeline)) (arn, base string) {
	base = c.EC2.AddAMI(ec2.AMI{Owner: "172840064832", Public: true, Name: "buildkite-stack-linux"})
	c.SSM.Put(ssm.Parameter{Name: "/base", Value: base})
	p := imagebuildertest.Pipeline{
		Name: "Nightly AMI", Base: "ssm:/base", Output: "/out", Schedule: "cron(0 0 * * ? *)", DisableAfter: 2,
		Components: []string{"packages", "bootstrap"}, LogGroup: "/aws/imagebuilder/nightly/1/images",
	}
	if change != nil {
		change(&p)
	}
	return c.ImageBuilder.AddPipeline(p), base
}

func (c *Cloud) builder() *imagebuilder.Client {
	return imagebuilder.NewFromConfig(c.config("imagebuilder"))
}

// started starts a build through the API.
func started(t *testing.T, client *imagebuilder.Client, pipeline, token string) string {
	t.Helper()
	out, err := client.StartImagePipelineExecution(t.Context(), &imagebuilder.StartImagePipelineExecutionInput{ImagePipelineArn: &pipeline, ClientToken: &token})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.ImageBuildVersionArn)
}

// followed reads an image until its build has ended, and returns it with the statuses on the way.
func followed(t *testing.T, client *imagebuilder.Client, image string) (last *types.Image, on []string) {
	t.Helper()
	for range 50 {
		out, err := client.GetImage(t.Context(), &imagebuilder.GetImageInput{ImageBuildVersionArn: &image})
		if err != nil {
			t.Fatal(err)
		}
		last = out.Image
		on = append(on, string(last.State.Status))
		if slices.Contains([]string{"AVAILABLE", "FAILED", "CANCELLED"}, on[len(on)-1]) {
			return last, on
		}
	}

	t.Fatal("the build does not end:", on)
	return nil, nil
}

// refused checks that an error is a refusal with a code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestBuildGoesThroughItsStatuses(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, base := c.nightly(nil)
	client := c.builder()
	c.ImageBuilder.Next(imagebuildertest.Script{Lines: []string{"hello"}, Polls: map[string]int{"BUILDING": 2}})

	arn := started(t, client, pipeline, "one")
	if !strings.HasSuffix(arn, ":image/nightly-ami/1.0.0/1") {
		t.Error("image", arn)
	}
	image, on := followed(t, client, arn)

	want := []string{"CREATING", "BUILDING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"}
	if diff := cmp.Diff(want, on); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	id := aws.ToString(image.OutputResources.Amis[0].Image)
	ami, _ := c.EC2.AMI(id)
	if ami.Source != base || ami.Tags["Ec2ImageBuilderArn"] != arn || c.SSM.Value("/out") != id {
		t.Errorf("AMI %+v, parameter %q", ami, c.SSM.Value("/out"))
	}

	lines := strings.Join(c.Logs.Lines("/aws/imagebuilder/nightly/1/images", "1.0.0/1"), "\n")
	for _, line := range []string{"parent image ssm:/base to AMI " + base, "Total 7 steps", "Started step ApplyBuildComponents", "hello", "transitioned to AVAILABLE"} {
		if !strings.Contains(lines, line) {
			t.Errorf("%q is not in the log:\n%s", line, lines)
		}
	}
}

func TestStepsOfABuild(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(nil)
	client := c.builder()
	arn := started(t, client, pipeline, "one")
	for range 2 { // CREATING, BUILDING
		if _, err := client.GetImage(t.Context(), &imagebuilder.GetImageInput{ImageBuildVersionArn: &arn}); err != nil {
			t.Fatal(err)
		}
	}

	want := []string{
		"LaunchBuildInstance COMPLETED", "ApplyBuildComponents RUNNING", "InventoryCollection PENDING", "RunSanitizeScript PENDING",
		"RunSysPrepScript PENDING", "CreateOutputAMI PENDING", "TerminateBuildInstance PENDING",
	}
	if diff := cmp.Diff(want, stepsOf(t, client, arn)); diff != "" {
		t.Errorf("while building (-want +got):\n%s", diff)
	}

	followed(t, client, arn)
	want = []string{
		"LaunchBuildInstance COMPLETED", "ApplyBuildComponents COMPLETED", "InventoryCollection SKIPPED", "RunSanitizeScript COMPLETED",
		"RunSysPrepScript SKIPPED", "CreateOutputAMI COMPLETED", "TerminateBuildInstance COMPLETED",
		"LaunchTestInstance COMPLETED", "CollectImageScanFindings SKIPPED", "ApplyTestComponents COMPLETED", "TerminateTestInstance COMPLETED",
	}
	if diff := cmp.Diff(want, stepsOf(t, client, arn)); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

// stepsOf reads the steps of all workflows of an image, both from the lists and one by one.
func stepsOf(t *testing.T, client *imagebuilder.Client, arn string) (all []string) {
	t.Helper()
	runs, err := client.ListWorkflowExecutions(t.Context(), &imagebuilder.ListWorkflowExecutionsInput{ImageBuildVersionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}

	for _, run := range runs.WorkflowExecutions {
		steps, err := client.ListWorkflowStepExecutions(t.Context(), &imagebuilder.ListWorkflowStepExecutionsInput{WorkflowExecutionId: run.WorkflowExecutionId})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps.Steps {
			one, err := client.GetWorkflowStepExecution(t.Context(), &imagebuilder.GetWorkflowStepExecutionInput{StepExecutionId: s.StepExecutionId})
			if err != nil || *one.Name != *s.Name || one.Status != s.Status {
				t.Errorf("step %s: %v, %v", *s.Name, one, err)
			}
			all = append(all, *s.Name+" "+string(s.Status))
		}
	}

	return all
}

func TestBuildsThatFail(t *testing.T) {
	t.Parallel()
	arm := func(c *Cloud) {
		c.SSM.Put(ssm.Parameter{Name: "/base", Value: c.EC2.AddAMI(ec2.AMI{Architecture: "arm64"})})
	}

	for name, test := range map[string]struct {
		change  func(*imagebuildertest.Pipeline)
		arrange func(*Cloud)
		script  imagebuildertest.Script
		on      string
		step    string
		reason  string
	}{
		"a document fails":     {script: imagebuildertest.Script{FailIn: "BUILDING", Component: "packages", Error: "exit status 3"}, on: "BUILDING", step: "ApplyBuildComponents", reason: "component/nightly-ami-packages/1.0.0/1 failed!"},
		"a test fails":         {script: imagebuildertest.Script{FailIn: "TESTING"}, on: "TESTING", step: "ApplyTestComponents", reason: "component/nightly-ami-bootstrap/1.0.0/1 failed!"},
		"the base's parameter": {arrange: func(c *Cloud) { c.SSM.Remove("/base") }, on: "BUILDING", reason: "ParameterNotFound"},
		"the base is gone":     {arrange: func(c *Cloud) { c.EC2.Deregister(c.SSM.Value("/base")) }, on: "BUILDING", reason: "InvalidAMIID.NotFound"},
		"another architecture": {arrange: arm, on: "BUILDING", step: "LaunchBuildInstance", reason: "does not match the architecture 'arm64'"},
		"a root volume too small": {change: func(p *imagebuildertest.Pipeline) {
			p.RootDevice = "/dev/xvda"
			p.RootSize = 8
		}, on: "BUILDING", step: "LaunchBuildInstance", reason: "expect size >= 10GB"},
		"distribution fails":         {script: imagebuildertest.Script{FailIn: "DISTRIBUTING"}, on: "DISTRIBUTING", reason: "CopyImage failed"},
		"output has another type":    {change: func(p *imagebuildertest.Pipeline) { p.OutputDataType = "aws:ec2:image" }, arrange: func(c *Cloud) { c.SSM.Put(ssm.Parameter{Name: "/out", Value: "x"}) }, on: "INTEGRATING", reason: "can't be changed from text to aws:ec2:image"},
		"in words of the test's own": {script: imagebuildertest.Script{FailIn: "CREATING", Reason: "no capacity"}, on: "CREATING", reason: "no capacity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Start(t)
			pipeline, _ := c.nightly(test.change)

			if test.arrange != nil {
				test.arrange(c)
			}

			c.ImageBuilder.Next(test.script)
			image, _ := followed(t, c.builder(), started(t, c.builder(), pipeline, "one"))

			failure := c.ImageBuilder.Failure(aws.ToString(image.Arn))
			if image.State.Status != "FAILED" || failure["imageStatus"] != test.on || wire.Text(failure, "failedStep") != test.step ||
				!strings.Contains(aws.ToString(image.State.Reason), test.reason) || len(image.OutputResources.Amis) != 0 {
				t.Errorf("state %s, because %q: %v", image.State.Status, aws.ToString(image.State.Reason), failure)
			}
		})
	}
}

func TestScheduleIsSwitchedOffAfterFailures(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(nil)
	get := func() *types.ImagePipeline {
		out, err := c.builder().GetImagePipeline(t.Context(), &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &pipeline})
		if err != nil {
			t.Fatal(err)
		}
		return out.ImagePipeline
	}

	fail := func(start func() string) {
		c.ImageBuilder.Next(imagebuildertest.Script{FailIn: "BUILDING"})
		c.ImageBuilder.Finish(start())
	}
	scheduled := func() string { return c.ImageBuilder.RunScheduled(pipeline) }
	byHand := func() string { return started(t, c.builder(), pipeline, c.ImageBuilder.UUID("")) }
	fail(scheduled)
	fail(byHand) // does not count

	if p := get(); aws.ToInt32(p.ConsecutiveFailures) != 1 || p.Status != "ENABLED" || p.LastRunStatus != "FAILED" || p.DateNextRun == nil {
		t.Errorf("after one: %+v", p)
	}

	fail(scheduled)
	if p := get(); aws.ToInt32(p.ConsecutiveFailures) != 2 || p.Status != "DISABLED" || p.DateNextRun != nil {
		t.Errorf("after two: %+v", p)
	}
	if arn := scheduled(); arn != "" {
		t.Error("a disabled pipeline ran:", arn)
	}
	if image, _ := followed(t, c.builder(), byHand()); image.State.Status != "AVAILABLE" || image.BuildType != "USER_INITIATED" {
		t.Errorf("by hand: %+v", image.State)
	}

	if p := get(); aws.ToInt32(p.ConsecutiveFailures) != 0 || p.Status != "DISABLED" {
		t.Errorf("after a success by hand: %+v", p)
	}
}

func TestClientTokens(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(nil)
	other, _ := c.nightly(func(p *imagebuildertest.Pipeline) { p.Name = "other" })
	client := c.builder()
	first := started(t, client, pipeline, "one")
	if again := started(t, client, pipeline, "one"); again != first || len(c.ImageBuilder.Images()) != 1 {
		t.Error("the same token started", again, "after", first)
	}

	_, err := client.StartImagePipelineExecution(t.Context(), &imagebuilder.StartImagePipelineExecutionInput{ImagePipelineArn: &other, ClientToken: aws.String("one")})
	refused(t, err, "IdempotentParameterMismatchException")

	if next := started(t, client, pipeline, "two"); !strings.HasSuffix(next, "/1.0.0/2") {
		t.Error("another token started", next)
	}
}

func TestCancelAndDelete(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(nil)
	client := c.builder()
	ctx := context.Background()
	arn := started(t, client, pipeline, "one")
	_, err := client.DeleteImage(ctx, &imagebuilder.DeleteImageInput{ImageBuildVersionArn: &arn})
	refused(t, err, "ResourceDependencyException")
	if _, err := client.CancelImageCreation(ctx, &imagebuilder.CancelImageCreationInput{ImageBuildVersionArn: &arn, ClientToken: aws.String("c")}); err != nil {
		t.Fatal(err)
	}

	if image, _ := c.ImageBuilder.Image(arn); image.Status != "PENDING" {
		t.Error("cancelled at once:", image.Status)
	}
	if image, _ := followed(t, client, arn); image.State.Status != "CANCELLED" {
		t.Error("status", image.State.Status)
	}

	_, err = client.CancelImageCreation(ctx, &imagebuilder.CancelImageCreationInput{ImageBuildVersionArn: &arn, ClientToken: aws.String("d")})
	refused(t, err, "InvalidRequestException")
	if _, err := client.DeleteImage(ctx, &imagebuilder.DeleteImageInput{ImageBuildVersionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	_, err = client.GetImage(ctx, &imagebuilder.GetImageInput{ImageBuildVersionArn: &arn})
	refused(t, err, "ResourceNotFoundException")
}
