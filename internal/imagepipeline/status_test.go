package imagepipeline_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/imagepipeline"
	"image-builder/internal/stack"
)

// deployed is a stack with a pipeline.
func deployed() stack.Stack {
	return stack.Stack{
		Name: "nightly", Status: stack.UpdateComplete, Outputs: map[string]string{"Pipeline": pipelineARN},
		Parameters: map[string]string{"BaseAmiParameter": "/base", "OutputAmiParameter": "/out"},
	}
}

// settled is an account whose pipeline has built twice, failed once, and is building.
func settled() *memory {
	m := goingWell()
	m.now = at(1000)
	m.pipeline = imagepipeline.Pipeline{ARN: pipelineARN, Name: "nightly", Enabled: true, Failures: 1, FailureLimit: 5}
	m.values = map[string]string{"/base": "ami-0base2", "/out": "ami-0two"}
	m.sources = map[string]string{"ami-0one": "ami-0base1", "ami-0two": "ami-0base2"}
	m.images = []imagepipeline.Image{
		{ARN: "a/1.0.1/1", Version: "1.0.1/1", State: imagepipeline.Available, Created: at(1), AMI: "ami-0one"},
		{ARN: "a/1.0.2/2", Version: "1.0.2/2", State: "BUILDING", Created: at(9)},
		{ARN: "a/1.0.1/10", Version: "1.0.1/10", State: imagepipeline.Available, Created: at(2), AMI: "ami-0two"},
		{ARN: "a/1.0.2/1", Version: "1.0.2/1", State: imagepipeline.Failed, Created: at(8), Scheduled: true, Reason: "SSM execution 'x' failed with status = 'TimedOut' in state = 'BUILDING' and failure message = 'SSM Agent verification failed'"},
	}

	return m
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*memory, *stack.Stack)
		look   int
		want   string
	}{
		"all well":                   {look: 5, want: "1.0.2/2 1.0.2/1 1.0.1/10 1.0.1/1; newest 1.0.1/10 from ami-0base2, published; 1 failures of 4"},
		"the newest not on the list": {look: 1, want: "1.0.2/2; newest 1.0.1/10 from ami-0base2, published; 1 failures of 4"},
		"no list":                    {look: 0, want: "; newest 1.0.1/10 from ami-0base2, published; 1 failures of 4"},
		"another base": {
			change: func(m *memory, _ *stack.Stack) { m.values["/base"] = "ami-0base3" }, look: 1,
			want: "1.0.2/2; newest 1.0.1/10 from ami-0base2, published, newer base; 1 failures of 4",
		},
		"a base that EC2 does not know": {
			change: func(m *memory, _ *stack.Stack) { m.sources = nil }, look: 1,
			want: "1.0.2/2; newest 1.0.1/10 from , published; 1 failures of 4",
		},
		"another output": {
			change: func(m *memory, _ *stack.Stack) { m.values["/out"] = "ami-0one" }, look: 1,
			want: "1.0.2/2; newest 1.0.1/10 from ami-0base2; 1 failures of 4",
		},
		"the service's own count": {
			change: func(m *memory, _ *stack.Stack) { m.pipeline.Failures = 4 }, look: 1,
			want: "1.0.2/2; newest 1.0.1/10 from ami-0base2, published; 4 failures of 4",
		},
		"on again": {
			change: func(m *memory, _ *stack.Stack) { m.pipeline.Failures = 0 }, look: 1,
			want: "1.0.2/2; newest 1.0.1/10 from ami-0base2, published; 0 failures of 4",
		},
		"off, with the count forgotten": {
			change: func(m *memory, _ *stack.Stack) {
				m.pipeline.Enabled = false
				m.pipeline.Failures = 0
			}, look: 1,
			want: "1.0.2/2; newest 1.0.1/10 from ami-0base2, published; 1 failures of 4",
		},
		"off, and a failure by hand": {
			change: func(m *memory, _ *stack.Stack) {
				m.pipeline.Enabled = false
				m.pipeline.Failures = 0
				m.images = append(m.images, imagepipeline.Image{Version: "1.0.3/1", State: imagepipeline.Failed, Created: at(10)})
			}, look: 1,
			want: "1.0.3/1; newest 1.0.1/10 from ami-0base2, published; 1 failures of 5",
		},
		"never built": {
			change: func(m *memory, _ *stack.Stack) {
				m.images = nil
				m.pipeline.Failures = 0
				delete(m.values, "/out")
			}, look: 5,
			want: "; 0 failures of 0, /out missing",
		},
		"no pipeline": {
			change: func(_ *memory, s *stack.Stack) { s.Outputs = nil }, look: 5,
			want: "; no pipeline; 0 failures of 0",
		},
		"no parameters": {
			change: func(_ *memory, s *stack.Stack) {
				s.Outputs = nil
				s.Parameters = nil
			}, look: 5,
			want: "; no pipeline; 0 failures of 0",
		},
		"a stack that failed": {
			change: func(m *memory, s *stack.Stack) {
				s.Outputs = nil
				s.Status = stack.RollbackComplete
				m.events = []stack.Event{
					{LogicalID: "Role", Status: "CREATE_FAILED", Reason: "Resource creation cancelled"},
					{LogicalID: "Pipeline", Status: "CREATE_FAILED", Reason: "denied"},
					{LogicalID: "nightly", PhysicalID: "arn:aws:cloudformation:r:1:stack/nightly/1", Type: "AWS::CloudFormation::Stack", Status: "CREATE_IN_PROGRESS"},
				}
			}, look: 5,
			want: "; no pipeline; 0 failures of 0, failed with Pipeline",
		},
		"a stack that failed long ago": {
			change: func(_ *memory, s *stack.Stack) { s.Status = "UPDATE_ROLLBACK_COMPLETE" }, look: 0,
			want: "; newest 1.0.1/10 from ami-0base2, published; 1 failures of 4, unread no more events may be read",
		},
		"a stack whose pipeline is being deleted": {
			change: func(m *memory, s *stack.Stack) {
				s.Status = "DELETE_IN_PROGRESS"
				m.faults = []error{nil, nil, errors.New("no pipeline")}
			}, look: 5,
			want: "; no pipeline; 0 failures of 0, unread no pipeline",
		},
		"what may not be read": {
			change: func(m *memory, _ *stack.Stack) {
				m.faults = []error{errors.New("no base"), errors.New("no output"), nil, nil, errors.New("no AMIs"), errors.New("no workflows")}
			}, look: 1,
			want: "1.0.2/2; newest 1.0.1/10 from ami-0base2, published; 1 failures of 4, unread no base, unread no output, unread no AMIs, unread no workflows",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := settled()
			of := deployed()

			if test.change != nil {
				test.change(m, &of)
			}

			look := &imagepipeline.Inspect{Images: m, Workflows: m, Parameters: m, Sources: m, Operations: m}
			got, err := look.Run(t.Context(), of, test.look)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, inShort(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatusOfEachImage(t *testing.T) {
	t.Parallel()
	m := settled()
	look := &imagepipeline.Inspect{Images: m, Workflows: m, Parameters: m, Sources: m, Operations: m}
	got, err := look.Run(t.Context(), deployed(), 2)
	if err != nil {
		t.Fatal(err)
	}

	running := got.Images[0]
	failed := got.Images[1]
	if running.Elapsed != 0 || running.Why != "" || failed.Why != "SSM Agent verification failed (TimedOut while BUILDING)" || time.Duration(failed.Elapsed) != 88*time.Second {
		t.Errorf("running %+v\nfailed %+v", running, failed)
	}
}

// Without a pipeline or images there is nothing to report.
func TestStatusNeedsThePipeline(t *testing.T) {
	t.Parallel()
	for _, answered := range []int{2, 3} {
		m := settled()
		m.faults = make([]error, answered, answered+1)
		m.faults = append(m.faults, errors.New("denied"))
		look := &imagepipeline.Inspect{Images: m, Workflows: m, Parameters: m, Sources: m, Operations: m}
		if _, err := look.Run(t.Context(), deployed(), 2); err == nil || err.Error() != "denied" {
			t.Errorf("after %d answers: %v", answered, err)
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
