package awstest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefusals asks, as one service asks another, for what is refused or comes to nothing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const absent = "arn:aws:imagebuilder:eu-central-1:123456789012:"

	filter := func(name string) []any { return []any{Values{"Name": name, "Values": []any{"x"}}} }
	for _, test := range []struct {
		call string // service and operation
		in   Values
		code string
	}{
		{"ec2 DescribeSubnets", Values{"Filters": filter("color")}, "InvalidParameterValue"},
		{"ec2 DescribeSubnets", Values{"SubnetIds": []any{"subnet-1"}}, "InvalidSubnetID.Malformed"},
		{"ec2 DescribeSubnets", Values{"SubnetIds": []any{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}}, "InvalidSubnetID.NotFound"},
		{"ec2 DescribeRouteTables", Values{"Filters": filter("color")}, "InvalidParameterValue"},
		{"ec2 DescribeRouteTables", Values{"RouteTableIds": []any{"rtb-0123456789abcdef0"}}, "InvalidRouteTableID.NotFound"},
		{"ec2 DescribeVpcEndpoints", Values{"Filters": filter("color")}, "InvalidParameterValue"},
		{"ec2 DescribeVpcEndpoints", Values{"VpcEndpointIds": []any{"vpce-0123456789abcdef0"}}, "InvalidVpcEndpointId.NotFound"},
		{"ec2 DescribeInstanceTypes", Values{"Filters": filter("color")}, "InvalidParameterValue"},
		{"imagebuilder GetImagePipeline", Values{"imagePipelineArn": absent + "image-pipeline/x"}, "ResourceNotFoundException"},
		{"imagebuilder GetImageRecipe", Values{"imageRecipeArn": absent + "image-recipe/x/1.0.0"}, "ResourceNotFoundException"},
		{"imagebuilder UpdateImagePipeline", Values{"imagePipelineArn": absent + "image-pipeline/x"}, "ResourceNotFoundException"},
		{"imagebuilder CancelImageCreation", Values{"imageBuildVersionArn": absent + "image/x/1.0.0/1"}, "ResourceNotFoundException"},
		{"imagebuilder DeleteImage", Values{"imageBuildVersionArn": absent + "image/x/1.0.0/1"}, "ResourceNotFoundException"},
		{"imagebuilder ListWorkflowExecutions", Values{"imageBuildVersionArn": absent + "image/x/1.0.0/1"}, "ResourceNotFoundException"},
		{"imagebuilder ListWorkflowStepExecutions", Values{"workflowExecutionId": "wf-1"}, "ResourceNotFoundException"},
		{"imagebuilder GetWorkflowStepExecution", Values{"stepExecutionId": "step-1"}, "ResourceNotFoundException"},
		{"logs DescribeLogGroups", Values{"logGroupNamePrefix": "/a", "logGroupNamePattern": "b"}, "InvalidParameterException"},
		{"logs DescribeLogGroups", Values{"nextToken": "x"}, "InvalidParameterException"},
		{"logs GetLogEvents", Values{"logGroupName": "/g", "logStreamName": "none"}, "ResourceNotFoundException"},
		{"logs GetLogEvents", Values{"logGroupName": "/g", "logGroupIdentifier": "/g", "logStreamName": "s"}, "InvalidParameterException"},
		{"logs GetLogEvents", Values{"logGroupName": "/g", "logStreamName": "s", "nextToken": "x"}, "InvalidParameterException"},
		{"logs GetLogEvents", Values{"logGroupName": "/g", "logStreamName": "s", "startFromHead": true, "nextToken": place{forward: true, at: 9}.token()}, "InvalidParameterException"},
		{"logs FilterLogEvents", Values{"logGroupName": "/g", "nextToken": "x"}, "InvalidParameterException"},
		{"ssm GetParametersByPath", Values{"Path": "a"}, "ValidationException"},
		{"ssm GetParametersByPath", Values{"Path": "/a", "ParameterFilters": []any{Values{"Key": "Name"}}}, "InvalidFilterKey"},
		{"ssm DescribeParameters", Values{"NextToken": "x"}, "InvalidNextToken"},
		{"ssm DescribeParameters", Values{"Filters": []any{Values{"Key": "Name"}}, "ParameterFilters": []any{Values{"Key": "Name"}}}, "ValidationException"},
		{"ssm PutParameter", Values{"Name": "/a/", "Value": "x", "Type": "String"}, "ValidationException"},
		{"ssm PutParameter", Values{"Name": "/a", "Value": "", "Type": "String"}, "ValidationException"},
		{"ssm PutParameter", Values{"Name": "/a", "Value": "x", "Type": "String", "AllowedPattern": "("}, "InvalidAllowedPatternException"},
	} {
		t.Run(test.call+" "+test.code, func(t *testing.T) {
			c := Start(t)
			c.Logs.Write("/g", "s", "line")
			service, operation := split(test.call)
			_, err := c.Do(service, operation, test.in)
			var f Fault
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
		c.SSM.Put(Parameter{Name: name, Description: "described"})
	}
	out, err := c.Do("ssm", "DescribeParameters", Values{"Filters": []any{Values{"Key": "Name", "Values": []any{"/a"}}}})
	if found := listOf[Values](out, "Parameters"); err != nil || len(found) != 1 || found[0]["Name"] != "/a/b" || found[0]["Description"] != "described" {
		t.Errorf("%v, %v", out, err)
	}
}

// What somebody does in the console between builds.
func TestPipelineSwitchedByHand(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(func(p *Pipeline) {
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

	want := Image{ARN: image, Version: "2.1.0/1", Pipeline: pipeline, Status: "AVAILABLE", Base: c.SSM.Value("/base"), AMI: c.SSM.Value("/out"), Scheduled: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if runs := c.ImageBuilder.builds[0].workflows; len(runs) != 1 || runs[0].kind != "BUILD" {
		t.Errorf("without tests there are %d workflows", len(runs))
	}
	if _, there := c.ImageBuilder.Image(image + "0"); there || c.ImageBuilder.Finish(image+"0") != "" {
		t.Error("an image that there is not")
	}
}

func split(call string) (service, operation string) {
	service, operation, _ = strings.Cut(call, " ")
	return service, operation
}
