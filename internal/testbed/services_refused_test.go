package testbed

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/logs"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// TestRefusals makes calls, as one service does to another, that are refused or have no effect.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const absent = "arn:aws:imagebuilder:eu-central-1:123456789012:"

	filter := func(name string) []any { return []any{wire.Values{"Name": name, "Values": []any{"x"}}} }
	for _, test := range []struct {
		call string // service and operation
		in   wire.Values
		code string
	}{
		{"ec2 DescribeSubnets", wire.Values{"Filters": filter("color")}, "InvalidParameterValue"},
		{"ec2 DescribeSubnets", wire.Values{"SubnetIds": []any{"subnet-1"}}, "InvalidSubnetID.Malformed"},
		{"ec2 DescribeSubnets", wire.Values{"SubnetIds": []any{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}}, "InvalidSubnetID.NotFound"},
		{"ec2 DescribeRouteTables", wire.Values{"Filters": filter("color")}, "InvalidParameterValue"},
		{"ec2 DescribeRouteTables", wire.Values{"RouteTableIds": []any{"rtb-0123456789abcdef0"}}, "InvalidRouteTableID.NotFound"},
		{"ec2 DescribeVpcEndpoints", wire.Values{"Filters": filter("color")}, "InvalidParameterValue"},
		{"ec2 DescribeVpcEndpoints", wire.Values{"VpcEndpointIds": []any{"vpce-0123456789abcdef0"}}, "InvalidVpcEndpointId.NotFound"},
		{"ec2 DescribeInstanceTypes", wire.Values{"Filters": filter("color")}, "InvalidParameterValue"},
		{"imagebuilder GetImagePipeline", wire.Values{"imagePipelineArn": absent + "image-pipeline/x"}, "ResourceNotFoundException"},
		{"imagebuilder GetImageRecipe", wire.Values{"imageRecipeArn": absent + "image-recipe/x/1.0.0"}, "ResourceNotFoundException"},
		{"imagebuilder UpdateImagePipeline", wire.Values{"imagePipelineArn": absent + "image-pipeline/x"}, "ResourceNotFoundException"},
		{"imagebuilder CancelImageCreation", wire.Values{"imageBuildVersionArn": absent + "image/x/1.0.0/1"}, "ResourceNotFoundException"},
		{"imagebuilder DeleteImage", wire.Values{"imageBuildVersionArn": absent + "image/x/1.0.0/1"}, "ResourceNotFoundException"},
		{"imagebuilder ListWorkflowExecutions", wire.Values{"imageBuildVersionArn": absent + "image/x/1.0.0/1"}, "ResourceNotFoundException"},
		{"imagebuilder ListWorkflowStepExecutions", wire.Values{"workflowExecutionId": "wf-1"}, "ResourceNotFoundException"},
		{"imagebuilder GetWorkflowStepExecution", wire.Values{"stepExecutionId": "step-1"}, "ResourceNotFoundException"},
		{"logs DescribeLogGroups", wire.Values{"logGroupNamePrefix": "/a", "logGroupNamePattern": "b"}, "InvalidParameterException"},
		{"logs DescribeLogGroups", wire.Values{"nextToken": "x"}, "InvalidParameterException"},
		{"logs GetLogEvents", wire.Values{"logGroupName": "/g", "logStreamName": "none"}, "ResourceNotFoundException"},
		{"logs GetLogEvents", wire.Values{"logGroupName": "/g", "logGroupIdentifier": "/g", "logStreamName": "s"}, "InvalidParameterException"},
		{"logs GetLogEvents", wire.Values{"logGroupName": "/g", "logStreamName": "s", "nextToken": "x"}, "InvalidParameterException"},
		{"logs GetLogEvents", wire.Values{"logGroupName": "/g", "logStreamName": "s", "startFromHead": true, "nextToken": logs.Place{Forward: true, At: 9}.Token()}, "InvalidParameterException"},
		{"logs FilterLogEvents", wire.Values{"logGroupName": "/g", "nextToken": "x"}, "InvalidParameterException"},
		{"ssm GetParametersByPath", wire.Values{"Path": "a"}, "ValidationException"},
		{"ssm GetParametersByPath", wire.Values{"Path": "/a", "ParameterFilters": []any{wire.Values{"Key": "Name"}}}, "InvalidFilterKey"},
		{"ssm DescribeParameters", wire.Values{"NextToken": "x"}, "InvalidNextToken"},
		{"ssm DescribeParameters", wire.Values{"Filters": []any{wire.Values{"Key": "Name"}}, "ParameterFilters": []any{wire.Values{"Key": "Name"}}}, "ValidationException"},
		{"ssm PutParameter", wire.Values{"Name": "/a/", "Value": "x", "Type": "String"}, "ValidationException"},
		{"ssm PutParameter", wire.Values{"Name": "/a", "Value": "", "Type": "String"}, "ValidationException"},
		{"ssm PutParameter", wire.Values{"Name": "/a", "Value": "x", "Type": "String", "AllowedPattern": "("}, "InvalidAllowedPatternException"},
	} {
		t.Run(test.call+" "+test.code, func(t *testing.T) {
			c := Start(t)
			c.Logs.Write("/g", "s", "line")
			service, operation := split(test.call)
			_, err := c.Do(service, operation, test.in)
			var f wire.Fault
			if !errors.As(err, &f) || f.Code != test.code {
				t.Errorf("got %v, want %s", err, test.code)
			}
		})
	}
}

func TestOlderFiltersOfParameters(t *testing.T) {
	t.Parallel()
	c := Start(t)
	for _, name := range []string{"/a/b", "/c"} {
		c.SSM.Put(ssm.Parameter{Name: name, Description: "described"})
	}
	out, err := c.Do("ssm", "DescribeParameters", wire.Values{"Filters": []any{wire.Values{"Key": "Name", "Values": []any{"/a"}}}})
	if found := wire.List[wire.Values](out, "Parameters"); err != nil || len(found) != 1 || found[0]["Name"] != "/a/b" || found[0]["Description"] != "described" {
		t.Errorf("%v, %v", out, err)
	}
}

// These changes are made in the console between builds.
func TestPipelineSwitchedByHand(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(func(p *imagebuilder.Pipeline) {
		p.Disabled = true
		p.NoTests = true
		p.Version = "2.1.x"
	})
	if ran := c.ImageBuilder.RunScheduled(pipeline); ran != "" {
		t.Error("disabled, and it ran", ran)
	}

	c.ImageBuilder.SetStatus(pipeline, "ENABLED")
	image := c.ImageBuilder.RunScheduled(pipeline)
	if status := c.ImageBuilder.Finish(image); status != "AVAILABLE" {
		t.Error("status", status)
	}
	got, _ := c.ImageBuilder.Image(image)

	want := imagebuilder.Image{ARN: image, Version: "2.1.0/1", Pipeline: pipeline, Status: "AVAILABLE", Base: c.SSM.Value("/base"), AMI: c.SSM.Value("/out"), Scheduled: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if kinds := c.ImageBuilder.Workflows(image); len(kinds) != 1 || kinds[0] != "BUILD" {
		t.Errorf("without tests there are the workflows %q", kinds)
	}
	if _, there := c.ImageBuilder.Image(image + "0"); there || c.ImageBuilder.Finish(image+"0") != "" {
		t.Error("an image that there is not")
	}
}

func split(call string) (service, operation string) {
	service, operation, _ = strings.Cut(call, " ")
	return service, operation
}
