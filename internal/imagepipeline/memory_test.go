package imagepipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/imagepipeline"
	"image-builder/internal/stack"
)

const (
	pipelineARN = "arn:aws:imagebuilder:eu-central-1:123456789012:image-pipeline/nightly"
	imageARN    = "arn:aws:imagebuilder:eu-central-1:123456789012:image/nightly/1.0.4/1"
)

// midnight is when builds begin in these tests.
func midnight() time.Time { return time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC) }

// at is the moment that many seconds past midnight.
func at(seconds int) time.Time { return midnight().Add(time.Duration(seconds) * time.Second) }

// memory is an account in memory. Its clock moves when a caller waits. It satisfies all ports.
type memory struct {
	now       time.Time
	pipeline  imagepipeline.Pipeline
	images    []imagepipeline.Image
	states    map[int]imagepipeline.State // states of the image being built, by the second at which each begins
	reason    string
	workflows []imagepipeline.Workflow
	steps     map[string][]imagepipeline.Step
	lines     map[string][]imagepipeline.Line // by stream
	late      time.Duration                   // how much later than written a line can be read
	pageSize  int
	values    map[string]string
	sources   map[string]string
	faults    []error // errors for the next requests; nil: none
	waits     int
	asked     map[string]int  // how often the steps of a workflow were asked for
	interrupt func(waits int) // called with each wait
	tokens    []string        // the tokens of started builds
	events    []stack.Event   // newest first
	stops     []string        // the tokens of cancellations
	stopping  time.Duration   // how long a cancelled build goes on
	amis      []image.AMI     // what OwnAMIs finds
}

func (m *memory) fault() error {
	if len(m.faults) == 0 {
		return nil
	}
	err := m.faults[0]
	m.faults = m.faults[1:]
	return err
}

func (m *memory) Wait(ctx context.Context, d time.Duration) error {
	m.now = m.now.Add(d)
	m.waits++
	if m.interrupt != nil {
		m.interrupt(m.waits)
	}
	return ctx.Err()
}

func (m *memory) Now() time.Time { return m.now }

func (m *memory) Pipeline(context.Context, string) (imagepipeline.Pipeline, error) {
	return m.pipeline, m.fault()
}

func (m *memory) ListImages(context.Context, string) ([]imagepipeline.Image, error) {
	return m.images, m.fault()
}

func (m *memory) Image(_ context.Context, arn string) (imagepipeline.Image, error) {
	if err := m.fault(); err != nil {
		return imagepipeline.Image{}, err
	}
	image := imagepipeline.Image{ARN: arn, Version: imagepipeline.VersionOf(arn), Created: midnight()}

	latest := -1
	for second, state := range m.states {
		if second > latest && !m.now.Before(at(second)) {
			image.State = state
			latest = second
		}
	}

	switch image.State {
	case imagepipeline.Available:
		image.AMI = "ami-0new"
	case imagepipeline.Failed:
		image.Reason = m.reason
	}

	return image, nil
}

// Workflows shows what has happened so far.
func (m *memory) ListWorkflows(context.Context, string) ([]imagepipeline.Workflow, error) {
	var begun []imagepipeline.Workflow
	for _, flow := range m.workflows {
		if flow.Started.After(m.now) {
			continue
		}
		if flow.Finished.After(m.now) {
			flow.Finished = time.Time{}
			flow.Status = "RUNNING"
		}
		begun = append(begun, flow)
	}

	return begun, m.fault()
}

func (m *memory) Steps(_ context.Context, workflow string) ([]imagepipeline.Step, error) {
	if m.asked == nil {
		m.asked = map[string]int{}
	}

	m.asked[workflow]++
	var steps []imagepipeline.Step
	for _, step := range m.steps[workflow] {
		switch {
		case step.Started.After(m.now):
			step = imagepipeline.Step{ID: step.ID, Name: step.Name, Status: imagepipeline.StepPending}
		case step.Finished.After(m.now):
			step.Status = imagepipeline.StepRunning
			step.Finished = time.Time{}
			step.Message = ""
		}
		steps = append(steps, step)
	}

	return steps, m.fault()
}

// Lines counts places in lines.
func (m *memory) Lines(_ context.Context, group, stream, place string) (imagepipeline.Page, error) {
	lines := slices.DeleteFunc(slices.Clone(m.lines[stream]), func(l imagepipeline.Line) bool { return l.Time.Add(m.late).After(m.now) })
	if group != "images" || len(lines) == 0 {
		return imagepipeline.Page{Next: place, Missing: true}, m.fault()
	}
	from, _ := strconv.Atoi(place)
	to := min(len(lines), from+max(1, m.pageSize))
	return imagepipeline.Page{Lines: lines[from:to], Next: strconv.Itoa(to)}, m.fault()
}

func (m *memory) Streams(context.Context, string) ([]string, error) {
	var names []string
	for name := range m.lines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, m.fault()
}

func (m *memory) StartBuild(ctx context.Context, pipeline, token string) (string, error) {
	m.tokens = append(m.tokens, token)
	return strings.Replace(pipeline, "image-pipeline", "image", 1) + "/1.0.5/1", errors.Join(ctx.Err(), m.fault())
}

// CancelBuild ends the build a while later, whatever it would have come to.
func (m *memory) CancelBuild(ctx context.Context, _, token string) error {
	m.stops = append(m.stops, token)
	if err := errors.Join(ctx.Err(), m.fault()); err != nil {
		return err
	}
	end := int(m.now.Add(m.stopping).Sub(midnight()).Seconds())
	for second := range m.states {
		if second >= end {
			delete(m.states, second)
		}
	}
	m.states[end] = imagepipeline.Cancelled
	return nil
}

func (m *memory) OwnAMIs(_ context.Context, tag, value string) ([]image.AMI, error) {
	if tag != "Ec2ImageBuilderArn" || value != imageARN {
		return nil, errors.New("asked for " + tag + " " + value)
	}
	return m.amis, m.fault()
}

func (m *memory) Read(_ context.Context, name string) (image.Parameter, error) {
	value, found := m.values[name]
	if err := m.fault(); err != nil || found {
		return image.Parameter{Name: name, Value: value}, err
	}
	return image.Parameter{}, fmt.Errorf("look at parameter %s: %w", name, fs.ErrNotExist)
}

func (m *memory) SourceAMIs(_ context.Context, amis []string) (map[string]string, error) {
	found := map[string]string{}
	for _, ami := range amis {
		if source := m.sources[ami]; source != "" {
			found[ami] = source
		}
	}
	return found, m.fault()
}

func (m *memory) Events(context.Context, string) iter.Seq2[stack.Event, error] {
	return func(yield func(stack.Event, error) bool) {
		for _, e := range m.events {
			if !yield(e, nil) {
				return
			}
		}
		yield(stack.Event{}, errors.New("no more events may be read"))
	}
}

// passing is an error that a retry gets past.
type passing struct{ error }

func (passing) Passing() bool { return true }

func (p passing) Cause() string { return "cause: " + p.Error() }

// goingWell is a build that succeeds after 100 seconds.
func goingWell() *memory {
	return &memory{
		now:    midnight(),
		states: map[int]imagepipeline.State{0: "PENDING", 2: "BUILDING", 60: "TESTING", 90: "DISTRIBUTING", 100: imagepipeline.Available},
		workflows: []imagepipeline.Workflow{
			{ID: "wf-1", Name: "build-image", Type: "BUILD", Status: "COMPLETED", Started: at(2), Finished: at(60)},
			{ID: "wf-2", Name: "test-image", Type: "TEST", Status: "COMPLETED", Started: at(61), Finished: at(90)},
		},
		steps: map[string][]imagepipeline.Step{
			"wf-1": {
				{ID: "s-1", Name: "LaunchBuildInstance", Action: "LaunchInstance", Status: imagepipeline.StepCompleted, Started: at(3), Finished: at(20)},
				{ID: "s-2", Name: "ApplyBuildComponents", Action: "ExecuteComponents", Status: imagepipeline.StepCompleted, Started: at(21), Finished: at(50)},
				{ID: "s-3", Name: "RunSysPrepScript", Action: "RunSysPrep", Status: imagepipeline.StepSkipped, Started: at(51), Finished: at(51)},
			},
			"wf-2": {
				{ID: "s-4", Name: "LaunchTestInstance", Action: "LaunchInstance", Status: imagepipeline.StepCompleted, Started: at(62), Finished: at(89)},
			},
		},
		lines: map[string][]imagepipeline.Line{"1.0.4/1": {
			{Time: at(22), Text: "Cloning into 'x'"}, {Time: at(30), Text: "done"}, {Time: at(70), Text: "tests pass"},
		}},
	}
}

// goingWrong is a build whose documents fail after 50 seconds.
func goingWrong() *memory {
	m := goingWell()
	m.states = map[int]imagepipeline.State{0: "PENDING", 2: "BUILDING", 58: imagepipeline.Failed}
	m.reason = "Workflow Execution ID: 'wf-1' failed with reason: Document arn:aws:imagebuilder:eu-central-1:123456789012:component/nightly-bootstrap/1.0.0/1 failed!"
	m.workflows = m.workflows[:1]
	m.workflows[0].Status = "FAILED"
	m.workflows[0].Finished = at(58)
	m.steps["wf-1"][1].Status = imagepipeline.StepFailed
	m.steps["wf-1"][1].Message = "Document arn:aws:imagebuilder:eu-central-1:123456789012:component/nightly-bootstrap/1.0.0/1 failed!"
	m.steps["wf-1"][2] = imagepipeline.Step{ID: "s-3", Name: "TerminateBuildInstance", Status: imagepipeline.StepCompleted, Started: at(51), Finished: at(57)}
	m.lines["1.0.4/1"] = []imagepipeline.Line{{Time: at(22), Text: "Cloning into 'x'"}, {Time: at(49), Text: "fatal: no route"}}

	return m
}
