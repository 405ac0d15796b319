package awstest

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"

	"image-builder/templates"
)

// ourStack puts a stack of this project's template there.
func ourStack(t *testing.T, c *Cloud, parameters map[string]string) Stack {
	t.Helper()
	template, err := templates.Stack()
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.CloudFormation.Put(Stack{Name: "Nightly", Status: "CREATE_COMPLETE", Template: string(template), Parameters: parameters})
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
	base := c.EC2.AddAMI(AMI{Public: true, Owner: "172840064832", RootSize: 12})
	c.SSM.Put(Parameter{Name: "/base", Value: base})
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
	if g := c.Logs.group(s.Outputs["ImageLogs"]); g == nil || g.days != 14 {
		t.Errorf("log group %+v", g)
	}
}
