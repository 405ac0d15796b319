package testbed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	ec2test "image-builder/internal/testbed/ec2"
	imagebuildertest "image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/logs"
	"image-builder/internal/testbed/wire"
)

// spoiled is a service with one wrong operation.
type spoiled struct {
	wire.Service
	operation string
	spoil     func(call wire.Call, out wire.Values, err error) (wire.Values, error)
}

func (s *spoiled) Operation(name string) func(wire.Call) (wire.Values, error) {
	do := s.Service.Operation(name)
	if name != s.operation || do == nil {
		return do
	}
	return func(call wire.Call) (wire.Values, error) {
		out, err := do(call)
		return s.spoil(call, out, err)
	}
}

// answers spoils an operation's answers, except errors.
func answers(spoil func(out wire.Values)) func(wire.Call, wire.Values, error) (wire.Values, error) {
	return func(_ wire.Call, out wire.Values, err error) (wire.Values, error) {
		if err == nil {
			spoil(out)
		}
		return out, err
	}
}

// observer makes the same calls as this project's programs, and keeps the answers.
type observer struct {
	c       *Cloud
	facts   []string
	builder *imagebuilder.Client
	ec2     *ec2.Client
	ssm     *ssm.Client
	logs    *cloudwatchlogs.Client
}

func (o *observer) see(name string, fact any, err error) {
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		fact = api.ErrorCode()
	case err != nil:
		fact = "error"
	}
	o.facts = append(o.facts, fmt.Sprintf("%s: %v", name, fact))
}

// observe describes an account with one pipeline as a client sees it.
func observe(t *testing.T, c *Cloud) []string {
	t.Helper()
	pipeline, base := c.nightly(func(p *imagebuildertest.Pipeline) { p.OutputDataType = "aws:ec2:image" })
	c.ImageBuilder.Next(imagebuildertest.Script{Lines: []string{"one", "two"}})
	c.ImageBuilder.Next(imagebuildertest.Script{FailIn: "BUILDING"})
	o := &observer{c: c, builder: c.builder(), ec2: c.machines(), ssm: c.parameters(), logs: c.logReader()}
	o.build(t.Context(), pipeline, "first")
	o.build(t.Context(), pipeline, "first") // the same one
	o.build(t.Context(), pipeline, "second")
	o.lists(t.Context(), pipeline)
	o.machines(t.Context(), base)

	o.parameters(t.Context(), base)
	o.log(t.Context())
	return o.facts
}

func (o *observer) build(ctx context.Context, pipeline, token string) {
	started, err := o.builder.StartImagePipelineExecution(ctx, &imagebuilder.StartImagePipelineExecutionInput{ImagePipelineArn: &pipeline, ClientToken: &token})
	if err != nil {
		o.see("start", nil, err)
		return
	}
	o.see("start", aws.ToString(started.ImageBuildVersionArn), nil)

	for range 10 {
		out, err := o.builder.GetImage(ctx, &imagebuilder.GetImageInput{ImageBuildVersionArn: started.ImageBuildVersionArn})
		if err != nil || out.Image == nil || out.Image.State == nil {
			o.see("image", "nothing", err)
			return
		}
		i := out.Image
		o.see("image", []any{i.State.Status, i.State.Reason != nil, len(i.OutputResources.Amis), aws.ToString(i.Arn), i.DateCreated != nil}, nil)
		if i.State.Status == "AVAILABLE" || i.State.Status == "FAILED" {
			break
		}
	}

	runs, err := o.builder.ListWorkflowExecutions(ctx, &imagebuilder.ListWorkflowExecutionsInput{ImageBuildVersionArn: started.ImageBuildVersionArn})
	if err != nil {
		o.see("workflows", nil, err)
		return
	}

	for _, run := range runs.WorkflowExecutions {
		steps, err := o.builder.ListWorkflowStepExecutions(ctx, &imagebuilder.ListWorkflowStepExecutionsInput{WorkflowExecutionId: run.WorkflowExecutionId})
		if err != nil {
			o.see("steps", nil, err)
			continue
		}
		for _, s := range steps.Steps {
			o.see(string(run.Type), []any{aws.ToString(s.Name), s.Status, s.EndTime != nil, aws.ToString(s.Outputs) == ""}, nil)
		}
	}
}

func (o *observer) lists(ctx context.Context, pipeline string) {
	got, err := o.builder.GetImagePipeline(ctx, &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &pipeline})
	if err == nil && got.ImagePipeline != nil {
		o.see("pipeline", []any{got.ImagePipeline.Status, got.ImagePipeline.DateNextRun != nil, aws.ToInt32(got.ImagePipeline.ConsecutiveFailures)}, nil)
	} else {
		o.see("pipeline", "nothing", err)
	}

	pages := imagebuilder.NewListImagePipelineImagesPaginator(o.builder, &imagebuilder.ListImagePipelineImagesInput{ImagePipelineArn: &pipeline, MaxResults: aws.Int32(1)})
	for n := 0; pages.HasMorePages() && n < 10; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			o.see("images", nil, err)
			return
		}
		for _, image := range page.ImageSummaryList {
			o.see("images", []any{aws.ToString(image.Version), image.BuildType}, nil)
		}
	}

	_, err = o.builder.GetImage(ctx, &imagebuilder.GetImageInput{ImageBuildVersionArn: aws.String("arn:aws:imagebuilder:eu-central-1:123456789012:image/none/1.0.0/1")})
	o.see("no image", "found", err)
}

func (o *observer) machines(ctx context.Context, base string) {
	images, err := o.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{base}})
	if err == nil && len(images.Images) == 1 {
		i := images.Images[0]
		o.see("AMI", []any{i.Architecture, i.State, aws.ToString(i.RootDeviceName), aws.ToString(i.OwnerId), len(i.BlockDeviceMappings)}, nil)
	} else {
		o.see("AMI", "not one", err)
	}

	_, err = o.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{"ami-0123456789abcdef9"}})
	o.see("no AMI", "found", err)

	types, err := o.ec2.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []ec2types.InstanceType{"t4g.small"}})
	if err == nil && len(types.InstanceTypes) == 1 {
		o.see("type", types.InstanceTypes[0].ProcessorInfo.SupportedArchitectures, nil)
	} else {
		o.see("type", "not one", err)
	}

	o.c.EC2.AddRouteTable(ec2test.RouteTable{VPC: "vpc-0123456789abcdef0", Main: true})
	tables, err := o.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{where("association.subnet-id", "subnet-0123456789abcdef0")}})
	if err != nil {
		o.see("tables", nil, err)
		return
	}

	o.see("tables", len(tables.RouteTables), nil)
}

func (o *observer) parameters(ctx context.Context, ami string) {
	for _, overwrite := range []bool{false, true} {
		_, err := o.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/base"), Value: &ami, Type: "String", Overwrite: &overwrite})
		o.see("put", "done", err)
	}

	_, err := o.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/new"), Value: &ami, Type: "String", DataType: aws.String("aws:ec2:image")})
	o.see("put", "done", err)

	for range 2 {
		got, err := o.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/new")})
		if err != nil || got.Parameter == nil {
			o.see("parameter", "nothing", err)
			continue
		}
		o.see("parameter", []any{aws.ToString(got.Parameter.Value) == ami, aws.ToString(got.Parameter.DataType), got.Parameter.Version, got.Parameter.LastModifiedDate != nil}, nil)
	}
}

func (o *observer) log(ctx context.Context) {
	in := cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/imagebuilder/nightly/1/images"), LogStreamName: aws.String("1.0.0/1"), StartFromHead: aws.Bool(true), Limit: aws.Int32(20)}
	lines := 0

	for range 6 {
		page, err := o.logs.GetLogEvents(ctx, &in)
		if err != nil {
			o.see("log", nil, err)
			return
		}
		for _, e := range page.Events {
			lines++
			o.see("line", []any{aws.ToString(e.Message) != "", e.Timestamp != nil}, nil)
		}
		o.see("log", []any{lines, aws.ToString(page.NextForwardToken) == aws.ToString(in.NextToken)}, nil)
		in.NextToken = page.NextForwardToken
	}
}

func image(out wire.Values) wire.Values { return wire.Struct(out, "image") }

// first returns the first item of a list; changes to the item of an empty list are lost.
func first(out wire.Values, list string) wire.Values {
	if items := wire.List[wire.Values](out, list); len(items) > 0 {
		return items[0]
	}
	return wire.Values{}
}

// Every wrong answer or behaviour is noticed, either by the model or by a client.
func TestMutantsAreNoticed(t *testing.T) {
	t.Parallel()
	honest := observe(t, Start(t))
	if strings.Contains(strings.Join(honest, "\n"), "error") {
		t.Fatal(strings.Join(honest, "\n"))
	}
	if diff := cmp.Diff(honest, observe(t, Start(t))); diff != "" {
		t.Fatalf("twice is not the same:\n%s", diff)
	}

	for name, m := range mutants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Start(t)
			model, operation, _ := strings.Cut(m.where, ".")
			c.serve(&spoiled{c.Service(model), operation, m.spoil})
			seen := observe(t, c)

			against := c.Violations()
			if cmp.Equal(honest, seen) && len(against) == 0 {
				t.Error("not noticed")
			}
		})
	}
}

type mutant struct {
	where string // service and operation
	spoil func(wire.Call, wire.Values, error) (wire.Values, error)
}

func mutants() map[string]mutant {
	var n atomic.Int32
	none := func(empty wire.Values) func(wire.Call, wire.Values, error) (wire.Values, error) {
		return func(_ wire.Call, out wire.Values, err error) (wire.Values, error) {
			if err != nil {
				return empty, nil
			}
			return out, nil
		}
	}

	return map[string]mutant{
		"a status that there is not": {"imagebuilder.GetImage", answers(func(out wire.Values) { image(out)["state"] = wire.Values{"status": "DONE"} })},
		"no state":                   {"imagebuilder.GetImage", answers(func(out wire.Values) { delete(image(out), "state") })},
		"no reason":                  {"imagebuilder.GetImage", answers(func(out wire.Values) { delete(wire.Struct(image(out), "state"), "reason") })},
		"a date that is a number":    {"imagebuilder.GetImage", answers(func(out wire.Values) { image(out)["dateCreated"] = int64(1) })},
		"an unknown member":          {"imagebuilder.GetImage", answers(func(out wire.Values) { image(out)["amiId"] = "ami-1" })},
		"an ARN of another kind":     {"imagebuilder.GetImage", answers(func(out wire.Values) { image(out)["arn"] = "image/1.0.0/1" })},
		"no AMIs":                    {"imagebuilder.GetImage", answers(func(out wire.Values) { image(out)["outputResources"] = wire.Values{} })},
		"another error": {"imagebuilder.GetImage", func(_ wire.Call, out wire.Values, err error) (wire.Values, error) {
			return out, coded(err, "InvalidRequestException")
		}},
		"an empty requestId": {"imagebuilder.GetImage", answers(func(out wire.Values) { out["requestId"] = "" })},
		"a client token forgotten": {"imagebuilder.StartImagePipelineExecution", answers(func(out wire.Values) {
			out["imageBuildVersionArn"] = strings.Replace(wire.Text(out, "imageBuildVersionArn"), "/1.0.0/", fmt.Sprintf("/1.0.%d/", n.Add(1)), 1)
		})},
		"a count that is text":      {"imagebuilder.ListWorkflowExecutions", answers(func(out wire.Values) { first(out, "workflowExecutions")["totalStepCount"] = "7" })},
		"a type that there is not":  {"imagebuilder.ListWorkflowExecutions", answers(func(out wire.Values) { first(out, "workflowExecutions")["type"] = "build" })},
		"outputs that are not text": {"imagebuilder.ListWorkflowStepExecutions", answers(func(out wire.Values) { first(out, "steps")["outputs"] = wire.Values{"instanceId": "i-1"} })},
		"a step that never ends":    {"imagebuilder.ListWorkflowStepExecutions", answers(func(out wire.Values) { delete(first(out, "steps"), "endTime") })},
		"a step without a name":     {"imagebuilder.ListWorkflowStepExecutions", answers(func(out wire.Values) { first(out, "steps")["name"] = "" })},
		"pages without an end":      {"imagebuilder.ListImagePipelineImages", answers(func(out wire.Values) { out["nextToken"] = "again" })},
		"a page too few":            {"imagebuilder.ListImagePipelineImages", answers(func(out wire.Values) { delete(out, "nextToken") })},
		"failures below none":       {"imagebuilder.GetImagePipeline", answers(func(out wire.Values) { wire.Struct(out, "imagePipeline")["consecutiveFailures"] = int64(-1) })},
		"a schedule that is off":    {"imagebuilder.GetImagePipeline", answers(func(out wire.Values) { wire.Struct(out, "imagePipeline")["status"] = "DISABLED" })},
		"a size that is text": {"ec2.DescribeImages", answers(func(out wire.Values) {
			first(first(out, "Images"), "BlockDeviceMappings")["Ebs"] = wire.Values{"VolumeSize": "10"}
		})},
		"an architecture of no machine": {"ec2.DescribeImages", answers(func(out wire.Values) { first(out, "Images")["Architecture"] = "amd64" })},
		"an AMI without an owner":       {"ec2.DescribeImages", answers(func(out wire.Values) { delete(first(out, "Images"), "OwnerId") })},
		"no AMI, no error":              {"ec2.DescribeImages", none(wire.Values{"Images": []any{}})},
		"a list that is a text": {"ec2.DescribeInstanceTypes", answers(func(out wire.Values) {
			wire.Struct(first(out, "InstanceTypes"), "ProcessorInfo")["SupportedArchitectures"] = "arm64"
		})},
		"another architecture": {"ec2.DescribeInstanceTypes", answers(func(out wire.Values) {
			wire.Struct(first(out, "InstanceTypes"), "ProcessorInfo")["SupportedArchitectures"] = []any{"x86_64"}
		})},
		"a filter ignored":       {"ec2.DescribeRouteTables", answers(func(out wire.Values) { out["RouteTables"] = []any{wire.Values{"RouteTableId": "rtb-1"}} })},
		"overwritten unasked":    {"ssm.PutParameter", none(wire.Values{"Version": int64(2), "Tier": "Standard"})},
		"a tier of no name":      {"ssm.PutParameter", answers(func(out wire.Values) { out["Tier"] = "standard" })},
		"a version that is text": {"ssm.GetParameter", answers(func(out wire.Values) { wire.Struct(out, "Parameter")["Version"] = "1" })},
		"a time that is text":    {"ssm.GetParameter", answers(func(out wire.Values) { wire.Struct(out, "Parameter")["LastModifiedDate"] = "2026-01-01" })},
		"no data type":           {"ssm.GetParameter", answers(func(out wire.Values) { delete(wire.Struct(out, "Parameter"), "DataType") })},
		"an AMI's ID at once":    {"ssm.GetParameter", none(wire.Values{"Parameter": wire.Values{"Name": "/new", "Value": "ami-1"}})},
		"a token that never repeats": {"logs.GetLogEvents", answers(func(out wire.Values) {
			out["nextForwardToken"] = logs.Place{Forward: true, Tries: int(n.Add(1)), At: 20}.Token()
		})},
		"a token that always repeats": {"logs.GetLogEvents", answers(func(out wire.Values) { out["nextForwardToken"] = logs.Place{Forward: true}.Token() })},
		"no token":                    {"logs.GetLogEvents", answers(func(out wire.Values) { delete(out, "nextForwardToken") })},
		"lines without text":          {"logs.GetLogEvents", answers(func(out wire.Values) { first(out, "events")["message"] = "" })},
		"a line's time in text":       {"logs.GetLogEvents", answers(func(out wire.Values) { first(out, "events")["timestamp"] = "2026-01-01T00:00:00Z" })},
		"an error of another service": {"logs.GetLogEvents", func(wire.Call, wire.Values, error) (wire.Values, error) {
			return nil, wire.Fault{Code: "ParameterNotFound"}
		}},
	}
}

// coded is an error with another code.
func coded(err error, code string) error {
	if err == nil {
		return nil
	}
	return wire.Fault{Code: code}
}
