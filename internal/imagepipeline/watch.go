package imagepipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
)

// tailLines is how many last lines of a log are kept to explain a failure.
const tailLines = 20

// watch is what is known about a followed build, and what was reported of it.
type watch struct {
	*Follow
	image     Image
	workflows []Workflow
	steps     map[string][]Step // by workflow's ID
	told      map[string]bool   // what was reported, by a word and an ID
	stream    string            // of the log
	place     string            // in the stream
	mute      bool              // reading the log is not permitted
	tail      []Line
	search    search
}

func newWatch(f *Follow, arn string) *watch {
	return &watch{
		Follow: f, steps: map[string][]Step{}, told: map[string]bool{},
		image: Image{ARN: arn, Version: VersionOf(arn), State: "PENDING"}, stream: VersionOf(arn),
	}
}

// look reads the state of the build and reports what is new. It reports nothing if any request fails, so looking
// again loses nothing. It returns whether anything was new.
func (w *watch) look(ctx context.Context) (fresh bool, err error) {
	one, err := w.Images.Image(ctx, w.image.ARN)
	if err != nil {
		return false, err
	}
	workflows, err := w.Workflows.ListWorkflows(ctx, w.image.ARN)
	if err != nil {
		return false, err
	}

	steps := map[string][]Step{}
	for _, flow := range workflows {
		if w.told["complete "+flow.ID] {
			continue
		}
		steps[flow.ID], err = w.Workflows.Steps(ctx, flow.ID)
		if err != nil {
			return false, err
		}
	}

	lines, place, err := w.readOn(ctx)
	if err != nil {
		return false, err
	}
	w.image = one
	w.workflows = workflows
	w.place = place
	for _, flow := range workflows {
		if found, asked := steps[flow.ID]; asked {
			w.steps[flow.ID] = found
			w.told["complete "+flow.ID] = !flow.Finished.IsZero()
		}
	}

	return w.tell(lines, false)
}

// readOn reads the log from the last place on, and returns the place after it.
func (w *watch) readOn(ctx context.Context) ([]Line, string, error) {
	var lines []Line
	place := w.place
	for !w.mute {
		page, err := w.Logs.Lines(ctx, w.Group, w.stream, place)
		if err != nil && w.Line == nil && ctx.Err() == nil && !patience.Passes(err) {
			w.mute = true // without permission for the logs, the steps can still be followed
			w.Report.Send(progress.Event{Kind: progress.Note, Text: err.Error() + "; following without the log"})
			break
		}
		if err != nil {
			return nil, "", err
		}

		lines = append(lines, page.Lines...)
		if page.Missing {
			w.stream, err = streamOf(ctx, w.Logs, w.Group, w.image.Version) // it is read with the next look
			return lines, place, err
		}
		if page.Next == place {
			return lines, place, nil
		}

		place = page.Next
	}

	return nil, w.place, nil
}

// moment is something to report, and when it happened.
type moment struct {
	at    time.Time
	event progress.Event
	line  *Line
}

// tell reports what is new in the order in which it happened. It reports a failure only in the final call: until then
// the last lines may still come.
func (w *watch) tell(lines []Line, final bool) (news bool, err error) {
	var moments []moment
	for _, flow := range w.workflows {
		moments = append(moments, w.begun(flow)...)
	}

	for i := range lines {
		moments = append(moments, moment{at: lines[i].Time, line: &lines[i]})
	}

	for _, flow := range w.workflows {
		moments = append(moments, w.ended(flow, final)...)
	}

	slices.SortStableFunc(moments, func(a, b moment) int { return a.at.Compare(b.at) })

	for _, m := range moments {
		if m.line == nil {
			w.Report.Send(m.event)
			continue
		}
		if err := w.print(*m.line); err != nil {
			return true, err
		}
	}

	return len(moments) > 0, nil
}

// begun returns the starts of a workflow and its steps that were not reported yet.
func (w *watch) begun(flow Workflow) []moment {
	var moments []moment
	if !flow.Started.IsZero() && w.first("begun", flow.ID) {
		moments = append(moments, moment{at: flow.Started, event: progress.Event{Kind: progress.StageStarted, Stage: flow.Name}})
	}
	for _, step := range w.steps[flow.ID] {
		if step.Status != StepPending && step.Status != StepSkipped && w.first("begun", step.ID) {
			moments = append(moments, moment{at: step.Started, event: progress.Event{Kind: progress.StepStarted, Step: named(flow, step)}})
		}
	}
	return moments
}

// ended returns the ends that were not reported yet.
func (w *watch) ended(flow Workflow, final bool) []moment {
	var moments []moment
	failed := false
	for _, step := range w.steps[flow.ID] {
		failed = failed || step.Status == StepFailed
		if (!final && step.Status == StepFailed) || !step.over() || !w.first("ended", step.ID) {
			continue
		}
		moments = append(moments, moment{at: step.Finished, event: progress.Event{
			Kind: progress.StepDone, Step: named(flow, step), Status: outcomes[step.Status], Text: Brief(step.Message),
			Elapsed: max(0, step.Finished.Sub(step.Started)),
		}})
	}

	if !flow.Finished.IsZero() && (final || !failed) && w.first("ended", flow.ID) {
		moments = append(moments, moment{at: flow.Finished, event: progress.Event{
			Kind: progress.StageDone, Stage: flow.Name, Elapsed: flow.Finished.Sub(flow.Started),
		}})
	}

	return moments
}

// outcomes maps a step's status to this program's words.
var outcomes = map[StepStatus]progress.Status{
	StepCompleted: progress.Success, StepFailed: progress.Failed, StepSkipped: progress.Skipped, StepCancelled: "cancelled",
}

// over reports whether a step has ended.
func (s Step) over() bool { return outcomes[s.Status] != "" }

// named is a step as progress names it.
func named(flow Workflow, step Step) *progress.Step {
	return &progress.Step{
		Document: flow.Name, Phase: strings.ToLower(flow.Type), Name: step.Name, Action: step.Action, Attempt: 1, Iteration: -1,
	}
}

// first reports whether something is reported for the first time.
func (w *watch) first(word, id string) bool {
	key := word + " " + id
	if w.told[key] {
		return false
	}
	w.told[key] = true
	return true
}

// print reports a line as output of the step that ran when it was written.
func (w *watch) print(line Line) error {
	w.search.read(line.Text)
	w.tail = append(w.tail, line)
	w.tail = w.tail[max(0, len(w.tail)-tailLines):]
	w.Report.Send(progress.Event{Kind: progress.StepOutput, Step: w.stepAt(line.Time), Text: line.Text})
	if w.Line == nil {
		return nil
	}
	return w.Line(line)
}

// stepAt returns the step that had started last at a time, or the image as a whole.
func (w *watch) stepAt(at time.Time) *progress.Step {
	found := &progress.Step{Document: "image", Phase: "build", Name: w.image.Version, Attempt: 1, Iteration: -1}
	var latest time.Time
	for _, flow := range w.workflows {
		for _, step := range w.steps[flow.ID] {
			if step.Status != StepSkipped && !step.Started.IsZero() && !step.Started.After(at) && !step.Started.Before(latest) {
				found = named(flow, step)
				latest = step.Started
			}
		}
	}

	return found
}

// conclude reports what was held back and sums the build up.
func (w *watch) conclude() Build {
	build := Build{Image: w.image, Elapsed: image.Duration(span(w.workflows))}
	_, _ = w.tell(nil, true) // without lines there is no error

	if w.image.State != Failed {
		return build
	}

	for _, flow := range w.workflows {
		for _, step := range w.steps[flow.ID] {
			if step.Status == StepFailed && (build.Failed == nil || step.Finished.Before(build.Failed.Finished)) {
				build.Failed = &step
			}
		}
	}

	build.Culprit = w.search.found
	for _, line := range w.tail {
		build.Tail = append(build.Tail, line.Text)
	}

	return build
}

// span is the time from the first workflow's start to the last one's end; 0 if none has ended.
func span(workflows []Workflow) time.Duration {
	var first, last time.Time
	for _, flow := range workflows {
		if !flow.Started.IsZero() && (first.IsZero() || flow.Started.Before(first)) {
			first = flow.Started
		}
		if flow.Finished.After(last) {
			last = flow.Finished
		}
	}

	if first.IsZero() || last.IsZero() {
		return 0
	}
	return last.Sub(first)
}
