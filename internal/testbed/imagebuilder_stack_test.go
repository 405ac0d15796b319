package testbed

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"

	"image-builder/templates"

	cloudformationtest "image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/ec2"
	imagebuildertest "image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/ssm"
)

// ourStack makes a stack of this project's template.
func ourStack(t *testing.T, c *Cloud, parameters map[string]string) cloudformationtest.Stack {
	t.Helper()
	template, err := templates.Stack()
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.CloudFormation.Put(cloudformationtest.Stack{Name: "Nightly", Status: "CREATE_COMPLETE", Template: string(template), Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}

	s, _ := c.CloudFormation.Stack(id)
	if s.Status != "CREATE_COMPLETE" {
		t.Fatalf("%+v", s)
	}

	return s
}

func TestPipelineOfAStack(t *testing.T) {
	t.Parallel()
	c := Start(t)
	base := c.EC2.AddAMI(ec2.AMI{Public: true, Owner: "172840064832", RootSize: 12})
	c.SSM.Put(ssm.Parameter{Name: "/base", Value: base})
	s := ourStack(t, c, map[string]string{
		"BaseAmiParameter": "/base", "OutputAmiParameter": "/out", "RootDeviceName": "/dev/xvda", "RootVolumeSize": "20", "DisableAfterFailures": "3",
		"LogRetentionDays": "14", "Packages": "jq",
	})

	pipeline := s.Outputs["Pipeline"]
	got, err := c.builder().GetImagePipeline(t.Context(), &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &pipeline})
	if err != nil {
		t.Fatal(err)
	}
	if p := got.ImagePipeline; *p.Name != "Nightly" || *p.Schedule.AutoDisablePolicy.FailureCount != 3 || *p.LoggingConfiguration.ImageLogGroupName != s.Outputs["ImageLogs"] ||
		p.DateNextRun == nil || *p.EnhancedImageMetadataEnabled {
		t.Errorf("%+v", p)
	}

	image, _ := followed(t, c.builder(), started(t, c.builder(), pipeline, "one"))
	if image.State.Status != "AVAILABLE" || !strings.HasSuffix(*image.Arn, ":image/nightly/1.0.0/1") || len(image.ImageRecipe.Components) != 2 {
		t.Fatalf("%s %s: %s", *image.Arn, image.State.Status, aws.ToString(image.State.Reason))
	}
	ami, _ := c.EC2.AMI(*image.OutputResources.Amis[0].Image)
	if c.SSM.Value("/out") != ami.ID || ami.RootSize != 20 || !strings.HasPrefix(ami.Name, "Nightly 2") || ami.Source != base || ami.Tags["Name"] != "Nightly" {
		t.Errorf("%+v, parameter %s", ami, c.SSM.Value("/out"))
	}
	if lines := c.Logs.Lines(s.Outputs["ImageLogs"], "1.0.0/1"); len(lines) < 10 {
		t.Errorf("%s: %q", s.Outputs["ImageLogs"], lines)
	}

	if days, there := c.Logs.Days(s.Outputs["ImageLogs"]); !there || days != 14 {
		t.Errorf("log group keeps %d days, %v", days, there)
	}
}

func TestStackThatChangesItsPipeline(t *testing.T) {
	t.Parallel()
	c := Start(t)
	c.SSM.Put(ssm.Parameter{Name: "/base", Value: c.EC2.AddAMI(ec2.AMI{})})
	s := ourStack(t, c, map[string]string{"BaseAmiParameter": "/base", "OutputAmiParameter": "/out"})
	pipeline := s.Outputs["Pipeline"]
	for range 2 {
		c.ImageBuilder.Next(imagebuildertest.Script{FailIn: "BUILDING"})
		c.ImageBuilder.Finish(c.ImageBuilder.RunScheduled(pipeline))
	}

	client := cloudformation.NewFromConfig(c.config("cloudformation"))
	parameter := func(name, value string) types.Parameter {
		return types.Parameter{ParameterKey: &name, ParameterValue: &value}
	}
	_, err := client.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName: &s.Name, UsePreviousTemplate: aws.Bool(true), Capabilities: []types.Capability{"CAPABILITY_IAM"},
		Parameters: []types.Parameter{parameter("BaseAmiParameter", "/base"), parameter("OutputAmiParameter", "/other"), parameter("Packages", "jq")},
	})
	if err != nil {
		t.Fatal(err)
	}

	s, _ = c.CloudFormation.Finish(s.ID)
	if s.Status != "UPDATE_COMPLETE" {
		t.Fatalf("%+v", s)
	}
	got, err := c.builder().GetImagePipeline(t.Context(), &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &pipeline})
	if err != nil || aws.ToInt32(got.ImagePipeline.ConsecutiveFailures) != 0 { // an update clears the failures
		t.Fatalf("%+v, %v", got, err)
	}

	image, _ := followed(t, c.builder(), started(t, c.builder(), pipeline, "one"))
	if !strings.HasSuffix(*image.Arn, ":image/nightly/1.0.1/1") || c.SSM.Value("/other") == "" || c.SSM.Value("/out") != "" {
		t.Errorf("%s %s, outputs %q and %q", *image.Arn, image.State.Status, c.SSM.Value("/other"), c.SSM.Value("/out"))
	}
	if _, err := client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: &s.ID}); err != nil {
		t.Fatal(err)
	}

	c.CloudFormation.Finish(s.ID)
	if left := c.ImageBuilder.Pipelines(); len(left) != 0 || len(c.ImageBuilder.Resources()) != 0 || len(c.Logs.Groups()) != 0 || len(c.ImageBuilder.Images()) != 3 {
		t.Errorf("left: pipelines %q, resources %v, %d log groups, %d images", left, c.ImageBuilder.Resources(), len(c.Logs.Groups()), len(c.ImageBuilder.Images()))
	}
}
