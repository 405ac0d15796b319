package awstest

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/venv"
)

// TestServicesByForeignClient lets boto3 ask, as no other program of this project does.
func TestServicesByForeignClient(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pipeline, _ := c.nightly(nil)
	c.ImageBuilder.Next(Script{})
	c.ImageBuilder.Next(Script{FailIn: "BUILDING", Error: "exit status 7"})
	subnet := c.EC2.AddSubnet(Subnet{VPC: "vpc-0123456789abcdef0", Public: true})
	c.EC2.AddRouteTable(RouteTable{VPC: "vpc-0123456789abcdef0", Subnets: []string{subnet}, Routes: []Route{{Destination: "0.0.0.0/0", Target: "igw-0123456789abcdef0"}}})
	c.EC2.AddEndpoint(Endpoint{VPC: "vpc-0123456789abcdef0", Service: "com.amazonaws.eu-central-1.s3", Type: "Gateway"})
	asking := exec.CommandContext(t.Context(), venv.Python(t), "testdata/services.py", pipeline, subnet)
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
	got := map[string]any{}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"statuses": []any{"CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"},
		"steps": []any{
			"LaunchBuildInstance", "ApplyBuildComponents", "InventoryCollection", "RunSanitizeScript", "RunSysPrepScript", "CreateOutputAMI",
			"TerminateBuildInstance", "LaunchTestInstance", "CollectImageScanFindings", "ApplyTestComponents", "TerminateTestInstance",
		},
		"failure":   []any{"ApplyBuildComponents", "exit status 7"},
		"cancelled": "CANCELLED", "images": 3.0, "pipeline": "ENABLED", "parameter is the AMI": true, "data type": "text",
		"first line": "Image transitioned to CREATING state for Image ARN", "streams": []any{"1.0.0/1"}, "ERROR lines": 1.0, "source": true,
		"volume": 10.0, "t4g.small is arm64": true, "way out": "igw-", "endpoints": 1.0, "public subnet": true,
		"errors": []any{
			"ResourceNotFoundException", "IdempotentParameterMismatchException", "InvalidAMIID.NotFound", "InvalidInstanceType",
			"ParameterNotFound", "ParameterAlreadyExists", "ResourceNotFoundException",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
