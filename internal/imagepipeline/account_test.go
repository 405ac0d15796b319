package imagepipeline_test

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"image-builder/internal/aws"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// TestMain lets the SDK try each call once, so that each planned fault is one error here.
func TestMain(m *testing.M) {
	_ = os.Setenv("AWS_MAX_ATTEMPTS", "1")
	os.Exit(m.Run())
}

func itoa(n int) string { return strconv.Itoa(n) }

// midnight is when builds begin in these tests.
func midnight() time.Time { return time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC) }

// at is the moment that many seconds past midnight.
func at(seconds int) time.Time { return midnight().Add(time.Duration(seconds) * time.Second) }

// denied is a refusal that a retry does not get past.
var denied = wire.Fault{Code: "AccessDeniedException", Message: "not authorized", Status: http.StatusForbidden}

// throttled is a refusal that a retry gets past.
var throttled = wire.Fault{Code: "ThrottlingException", Message: "Rate exceeded", Status: http.StatusTooManyRequests}

// account is an AWS account with a pipeline, and the ports to it. Its clock moves only when a caller waits.
type account struct {
	*testbed.Cloud
	builder    *aws.ImageBuilder
	logs       *aws.Logs
	parameters *aws.Parameters
	machines   *aws.EC2
	stacks     *aws.CloudFormation

	mu       sync.Mutex
	now      time.Time
	waits    int
	during   func(waits int) // called in each pause
	pipeline string          // ARN
	base     string          // the AMI that it builds on, which the parameter /base names
}

func open(t *testing.T) *account {
	t.Helper()
	cloud := testbed.Start(t)
	session := aws.NewSession(cloud.Config())
	a := &account{
		Cloud: cloud, builder: &aws.ImageBuilder{Session: session}, logs: &aws.Logs{Session: session}, now: midnight(),
		parameters: &aws.Parameters{Session: session}, machines: &aws.EC2{Session: session}, stacks: &aws.CloudFormation{Session: session},
	}

	cloud.ImageBuilder.Now = a.Now
	cloud.Logs.Now = a.Now
	a.base = cloud.EC2.AddAMI(ec2.AMI{})
	a.put("/base", a.base)
	a.pipeline = cloud.ImageBuilder.AddPipeline(imagebuilder.Pipeline{
		Name: "nightly", Version: "1.0.4", Base: "ssm:/base", Output: "/out", LogGroup: "images", PipelineLogs: "runs", Schedule: "cron(0 0 * * ? *)",
	})

	return a
}

// put sets a parameter.
func (a *account) put(name, value string) { a.SSM.Put(ssm.Parameter{Name: name, Value: value}) }

// Now is the clock of the account's services.
func (a *account) Now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

func (a *account) set(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = now
}

func (a *account) wait(ctx context.Context, d time.Duration) error {
	a.set(a.Now().Add(d))
	a.waits++
	if a.during != nil {
		a.during(a.waits)
	}
	return ctx.Err()
}

// called lets somebody else call Image Builder.
func (a *account) called(t *testing.T, operation string, in wire.Values) wire.Values {
	t.Helper()
	out, err := a.Do("imagebuilder", operation, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// start starts a build by hand that goes like the script, and returns its ARN.
func (a *account) start(t *testing.T, script imagebuilder.Script) string {
	t.Helper()
	a.ImageBuilder.Next(script)
	out := a.called(t, "StartImagePipelineExecution", wire.Values{"imagePipelineArn": a.pipeline, "clientToken": "test " + itoa(len(a.ImageBuilder.Images()))})
	return wire.Text(out, "imageBuildVersionArn")
}

// images is the number of builds that there were.
func (a *account) images() int { return len(a.ImageBuilder.Images()) }

// lines are the lines in the log of an image.
func (a *account) lines(version string) []string { return a.Logs.Lines("images", version) }

// goingWell is a build that succeeds after 100 seconds. It writes its last line when it is tested.
func goingWell() imagebuilder.Script {
	return imagebuilder.Script{
		Lines: []string{"Cloning into 'x'", "done", "all set"},
		Polls: map[string]int{"BUILDING": 3, "TESTING": 2},
		Lasts: map[string]time.Duration{
			"PENDING": time.Second, "CREATING": time.Second, "BUILDING": 57 * time.Second, "TESTING": 30 * time.Second,
			"DISTRIBUTING": 10 * time.Second, "INTEGRATING": time.Second,
		},
	}
}

// goingWrong is a build whose document fails after 58 seconds.
func goingWrong() imagebuilder.Script {
	script := goingWell()
	script.FailIn = "BUILDING"
	script.Lines = []string{"Cloning into 'x'", "fatal: no route"}
	return script
}

// ending is a build that fails before its first step.
func ending(reason string) imagebuilder.Script {
	return imagebuilder.Script{FailIn: "CREATING", Reason: reason, Unexplained: reason == "", Lasts: map[string]time.Duration{}}
}
