package imagepipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/imagepipeline"
	"image-builder/internal/stack"
	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/wire"
)

// stackTemplate is a small one, whose output is a pipeline.
const stackTemplate = `Description: "image-builder: bakes AMIs"
Parameters:
  BaseAmiParameter: {Type: String}
  OutputAmiParameter: {Type: String}
Resources:
  Pipeline: {Type: AWS::SNS::Topic}
  Role: {Type: AWS::SNS::Topic}
Outputs:
  Pipeline: {Value: 'ARN'}
`

// deployed is the stack of the account's pipeline, in a status.
func (a *account) deployed(t *testing.T, status stack.Status, reason string) stack.Stack {
	t.Helper()
	id, err := a.CloudFormation.Put(cloudformation.Stack{
		Name: "nightly", Status: string(status), Reason: reason, Template: strings.Replace(stackTemplate, "ARN", a.pipeline, 1),
		Parameters: map[string]string{"BaseAmiParameter": "/base", "OutputAmiParameter": "/out"},
	})
	if err != nil {
		t.Fatal(err)
	}

	of, err := a.stacks.Stack(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return of
}

// timedOut is a build whose instance does not answer.
func timedOut() imagebuilder.Script {
	script := goingWrong()
	script.Reason = "SSM execution 'x' failed with status = 'TimedOut' in state = 'BUILDING' and failure message = 'SSM Agent verification failed'"
	return script
}

// scheduled runs a build of the schedule to its end.
func (a *account) scheduled(script imagebuilder.Script) string {
	a.ImageBuilder.Next(script)
	arn := a.ImageBuilder.RunScheduled(a.pipeline)
	a.ImageBuilder.Finish(arn)
	return arn
}

// settled is an account whose pipeline has built twice, the second time from a newer base, failed once, and is building.
func settled(t *testing.T) *account {
	t.Helper()
	a := open(t)
	a.set(at(1))
	built(t, a)

	a.set(at(2))
	a.put("/base", a.EC2.AddAMI(ec2.AMI{}))
	built(t, a)
	a.set(at(8))
	a.scheduled(timedOut())
	a.set(at(1000))
	a.start(t, remaining("BUILDING"))

	return a
}

// ami is the AMI of the nth image.
func (a *account) ami(n int) string { return a.ImageBuilder.Images()[n-1].AMI }

// named writes the bases of the first two images as base1 and base2.
func (a *account) named(text string) string {
	for i, image := range a.ImageBuilder.Images()[:min(2, a.images())] {
		text = strings.ReplaceAll(text, image.Base, "base"+itoa(i+1))
	}
	return text
}

func (a *account) inspect() *imagepipeline.Inspect {
	return &imagepipeline.Inspect{Images: a.builder, Workflows: a.builder, Parameters: a.parameters, Sources: a.machines, Operations: a.stacks}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	const usual = "1.0.4/4; newest 1.0.4/2 from base2, published; 1 failures of 4"
	refused := func(what string) string {
		return ", unread " + what + ": not authorized (AccessDeniedException): allow the action in the IAM policy of these credentials, or use others"
	}
	for name, test := range map[string]struct {
		account func(*testing.T) *account // settled if nil
		change  func(*testing.T, *account)
		status  stack.Status // UPDATE_COMPLETE if blank
		lacks   func(*stack.Stack)
		look    int
		want    string
	}{
		"all well":                   {look: 5, want: "1.0.4/4 1.0.4/3 1.0.4/2 1.0.4/1; newest 1.0.4/2 from base2, published; 1 failures of 4"},
		"the newest not on the list": {look: 1, want: usual},
		"no list":                    {look: 0, want: "; newest 1.0.4/2 from base2, published; 1 failures of 4"},
		"another base": {
			change: func(_ *testing.T, a *account) { a.put("/base", a.EC2.AddAMI(ec2.AMI{})) }, look: 1,
			want: "1.0.4/4; newest 1.0.4/2 from base2, published, newer base; 1 failures of 4",
		},
		"a base that EC2 does not know": {
			change: func(t *testing.T, a *account) {
				t.Helper()
				if _, err := a.Do("ec2", "DeregisterImage", wire.Values{"ImageId": a.ami(2)}); err != nil {
					t.Fatal(err)
				}
			}, look: 1,
			want: "1.0.4/4; newest 1.0.4/2 from , published; 1 failures of 4",
		},
		"another output": {
			change: func(_ *testing.T, a *account) { a.put("/out", a.ami(1)) }, look: 1,
			want: "1.0.4/4; newest 1.0.4/2 from base2; 1 failures of 4",
		},
		"the service's own count": {
			change: func(t *testing.T, a *account) {
				t.Helper()
				for range 3 {
					a.called(t, "DeleteImage", wire.Values{"imageBuildVersionArn": a.scheduled(timedOut())})
				}
			}, look: 1,
			want: "1.0.4/4; newest 1.0.4/2 from base2, published; 4 failures of 4",
		},
		"on again": {
			change: func(_ *testing.T, a *account) { a.ImageBuilder.SetStatus(a.pipeline, "ENABLED") }, look: 1,
			want: "1.0.4/4; newest 1.0.4/2 from base2, published; 0 failures of 4",
		},
		"off, with the count forgotten": {
			change: func(_ *testing.T, a *account) { a.ImageBuilder.SetStatus(a.pipeline, "DISABLED") }, look: 1,
			want: usual,
		},
		"off, and a failure by hand": {
			change: func(t *testing.T, a *account) {
				t.Helper()
				a.ImageBuilder.SetStatus(a.pipeline, "DISABLED")
				a.set(at(2000))
				a.ImageBuilder.Finish(a.start(t, timedOut()))
			}, look: 1,
			want: "1.0.4/5; newest 1.0.4/2 from base2, published; 1 failures of 5",
		},
		"never built":   {account: open, look: 5, want: "; 0 failures of 0, /out missing"},
		"no pipeline":   {lacks: func(s *stack.Stack) { s.Outputs = nil }, look: 5, want: "; no pipeline; 0 failures of 0"},
		"no parameters": {lacks: func(s *stack.Stack) { *s = stack.Stack{Name: s.Name, Status: s.Status} }, look: 5, want: "; no pipeline; 0 failures of 0"},
		"a stack that failed": {
			status: stack.RollbackComplete, look: 5,
			want: "; no pipeline; 0 failures of 0, failed with Pipeline",
		},
		"a stack that failed long ago": {
			change: func(_ *testing.T, a *account) { a.Fail("cloudformation", "DescribeStackEvents", denied, 1) },
			status: "UPDATE_ROLLBACK_COMPLETE", look: 0,
			want: "; newest 1.0.4/2 from base2, published; 1 failures of 4" + refused("read the events of stack nightly"),
		},
		"a stack whose pipeline is being deleted": {
			change: func(_ *testing.T, a *account) { a.ImageBuilder.RemovePipeline(a.pipeline) },
			status: "DELETE_IN_PROGRESS", look: 5,
			want: "; no pipeline; 0 failures of 0, unread get image pipeline nightly: The resource with ARN 'arn:aws:imagebuilder:eu-central-1:123456789012:image-pipeline/nightly' could not be found. (ResourceNotFoundException)",
		},
		"what may not be read": {
			change: func(_ *testing.T, a *account) {
				a.Fail("ssm", "GetParameter", denied, 2)
				a.Fail("ec2", "DescribeImages", denied, 1)
				a.Fail("imagebuilder", "ListWorkflowExecutions", denied, 1)
			}, look: 1,
			want: "1.0.4/4; newest 1.0.4/2 from ; 1 failures of 4" + refused("look at parameter /base") + refused("look at parameter /out") +
				refused("describe AMIs") + refused("list workflows of 1.0.4/4"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepare := settled
			if test.account != nil {
				prepare = test.account
			}
			a := prepare(t)
			status := stack.UpdateComplete

			if test.status != "" {
				status = test.status
			}

			of := a.deployed(t, status, "denied")

			if test.change != nil {
				test.change(t, a)
			}

			if test.lacks != nil {
				test.lacks(&of)
			}

			got, err := a.inspect().Run(t.Context(), of, test.look)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, a.named(inShort(got))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatusOfEachImage(t *testing.T) {
	t.Parallel()
	a := settled(t)
	got, err := a.inspect().Run(t.Context(), a.deployed(t, stack.UpdateComplete, ""), 2)
	if err != nil {
		t.Fatal(err)
	}

	running := got.Images[0]
	failed := got.Images[1]
	if running.Elapsed != 0 || running.Why != "" || failed.Why != "SSM Agent verification failed (TimedOut while BUILDING)" || time.Duration(failed.Elapsed) != 57*time.Second {
		t.Errorf("running %+v\nfailed %+v", running, failed)
	}
}

// Without a pipeline or images there is nothing to report.
func TestStatusNeedsThePipeline(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"GetImagePipeline", "ListImagePipelineImages"} {
		a := settled(t)
		a.Fail("imagebuilder", operation, denied, 1)
		if _, err := a.inspect().Run(t.Context(), a.deployed(t, stack.UpdateComplete, ""), 2); err == nil || !strings.Contains(err.Error(), "not authorized") {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

// inShort writes a status as one short line.
func inShort(s imagepipeline.Status) string {
	text := ""
	for i, one := range s.Images {
		if i > 0 {
			text += " "
		}
		text += one.Version
	}

	if s.Pipeline == nil {
		text += "; no pipeline"
	}

	if s.Newest != nil {
		text += "; newest " + s.Newest.Version + " from " + s.Newest.Base
	}

	if s.Published {
		text += ", published"
	}

	if s.NewerBase {
		text += ", newer base"
	}

	text += "; " + itoa(s.Failures) + " failures of " + itoa(s.Total)
	for _, p := range []imagepipeline.Parameter{s.Base, s.Output} {
		if p.Missing {
			text += ", " + p.Name + " missing"
		}
	}

	if s.FirstFailure != nil {
		text += ", failed with " + s.FirstFailure.LogicalID
	}

	for _, gap := range s.Unread {
		text += ", unread " + gap
	}

	return text
}
