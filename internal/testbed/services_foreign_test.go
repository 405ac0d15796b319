package testbed

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/venv"

	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/wire"
)

// TestServicesByForeignClient lets boto3 make calls, as none of this project's programs makes them.
func TestServicesByForeignClient(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(nil)
	c.ImageBuilder.Next(imagebuilder.Script{})
	c.ImageBuilder.Next(imagebuilder.Script{FailIn: "BUILDING", Error: "exit status 7"})
	c.EC2.Withhold("t3.large", "eu-central-1b")
	subnet := c.EC2.AddSubnet(ec2.Subnet{VPC: "vpc-0123456789abcdef0", Public: true})
	c.EC2.AddRouteTable(ec2.RouteTable{VPC: "vpc-0123456789abcdef0", Subnets: []string{subnet}, Routes: []ec2.Route{{Destination: "0.0.0.0/0", Target: "igw-0123456789abcdef0"}}})
	c.EC2.AddEndpoint(ec2.Endpoint{VPC: "vpc-0123456789abcdef0", Service: "com.amazonaws.eu-central-1.s3", Type: "Gateway"})

	snapshot, err := c.EBS.AddSnapshot(ebs.Snapshot{Size: 8, Owner: "210987654321", Public: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := c.asked(t, "testdata/services.py", pipeline, subnet, snapshot)

	want := map[string]any{
		"statuses": []any{"CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"},
		"steps": []any{
			"LaunchBuildInstance", "ApplyBuildComponents", "InventoryCollection", "RunSanitizeScript", "RunSysPrepScript", "CreateOutputAMI",
			"TerminateBuildInstance", "LaunchTestInstance", "CollectImageScanFindings", "ApplyTestComponents", "TerminateTestInstance",
		},
		"failure":   []any{"ApplyBuildComponents", "exit status 7"},
		"cancelled": "CANCELLED", "images": 2.0, "parameter is the AMI": true, "data type": "text",
		"first line": "Image transitioned to CREATING state for Image ARN", "streams": []any{"1.0.0/1"}, "ERROR lines": 1.0, "source": true,
		"volume": 10.0, "t4g.small is arm64": true, "zones": []any{"eu-central-1a", "eu-central-1c"}, "way out": "igw-", "endpoints": 1.0, "public subnet": true,
		"updated": []any{"DISABLED"}, "components": []any{"1.0.0", "1.0.0"}, "instance types": []any{"t3.large"},
		"output": []any{map[string]any{"parameterName": "/out"}}, "left": 2.0, "groups": 2.0, "parameters": []any{"/base", "/out"}, "known": 1.0,
		"removed": []any{200.0, 200.0, 200.0},
		"errors": []any{
			"ResourceNotFoundException", "IdempotentParameterMismatchException", "InvalidAMIID.NotFound", "InvalidInstanceType",
			"ParameterNotFound", "ParameterAlreadyExists", "ResourceNotFoundException",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for _, model := range []string{"imagebuilder", "ec2", "ssm", "logs"} {
		c.wantAllCalled(t, model)
	}
}

// asked lets a program of boto3 talk to the account and returns what it prints, one JSON object.
func (c *Cloud) asked(t *testing.T, program string, arguments ...string) map[string]any {
	t.Helper()
	asking := exec.CommandContext(t.Context(), venv.Python(t), append([]string{program}, arguments...)...)
	asking.Env = []string{"PATH=" + os.Getenv("PATH")}
	for _, variable := range c.Env() {
		if !strings.HasSuffix(variable, "=") { // to botocore, a blank AWS_PROFILE is a profile without a name
			asking.Env = append(asking.Env, variable)
		}
	}

	asking.Stderr = os.Stderr
	text, err := asking.Output()
	if err != nil {
		t.Fatal(err)
	}
	answer := map[string]any{}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}

	return answer
}

// wantAllCalled checks that every operation of a service was called.
func (c *Cloud) wantAllCalled(t *testing.T, model string) {
	t.Helper()
	service := c.Service(model)

	known, err := wire.LoadModel(c.Models(), model)
	if err != nil {
		t.Fatal(err)
	}

	for operation := range known.Operations {
		if service.Operation(operation) != nil && c.Calls(model, operation) == 0 {
			t.Errorf("%s.%s is served, and was not asked for", model, operation)
		}
	}
}
