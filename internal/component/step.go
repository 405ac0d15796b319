package component

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"image-builder/internal/progress"
)

// keepAtMost bounds the inputs and outputs that a result keeps in all, in bytes, if there is no observer to write
// them down.
const keepAtMost = 8 << 20

// stepRun is a step in progress: what its attempts share.
type stepRun struct {
	*execution
	at     Place
	step   *Step
	scope  *scope
	result *StepResult
	named  progress.Step
	stderr string // the end of stderr, masked
	// resumed says that a reboot interrupted the step: its condition was already evaluated.
	resumed *interrupted
	nested  *Result
	inputs  []Inputs
	outputs []Outputs
}

// step runs one step. It returns an error only if the run cannot continue here: errReboot, or the end of the context.
// A failed step is in the result.
func (e *execution) step(ctx context.Context, at Place) error {
	phase := e.jobs[at.Document].Document.Phases[at.Phase]
	s := &stepRun{
		execution: e, at: at, step: phase.Steps[at.Step], scope: e.scopes[at.Document],
		result: e.result.Step(at), resumed: e.saved.take(at),
	}

	s.named = progress.Step{
		Document: filepath.Base(e.jobs[at.Document].Path), Phase: phase.Name.Value, Name: s.step.Name.Value,
		Action: s.step.Action.Value, Attempt: 1, Iteration: -1,
	}
	if s.result.Start.IsZero() {
		s.result.Start = e.now()
	}

	s.result.Status = Running
	e.sink.console("Step " + s.step.Name.Value)
	e.sink.event(progress.Event{Kind: progress.StepStarted, Step: s.name()})
	err := s.perform(ctx)

	var reboot Reboot
	if errors.As(err, &reboot) {
		return s.interrupt(reboot)
	}
	s.end(err)

	return errors.Join(s.record(), ctx.Err())
}

func (s *stepRun) name() *progress.Step {
	name := s.named
	return &name
}

// errSkip is the outcome of a condition that skips the step.
var errSkip = errors.New("skipped: the condition is false")

// perform evaluates the condition, then makes the attempts.
func (s *stepRun) perform(ctx context.Context) error {
	if s.step.If != nil && s.resumed == nil {
		if err := s.decide(ctx); err != nil {
			return err
		}
	}
	return s.attempts(ctx)
}

// decide evaluates the step's condition, once.
func (s *stepRun) decide(ctx context.Context) error {
	condition, err := s.scope.condition(ctx, s.step.If)
	if err != nil {
		return fmt.Errorf("evaluate condition: %w", err)
	}
	holds, err := condition.holds(ctx, surroundings{dir: s.run.Dir, env: s.env})
	if err != nil {
		return fmt.Errorf("evaluate condition: %w", err)
	}

	outcome := s.step.If.Else
	if holds {
		outcome = s.step.If.Then
	}

	switch outcome {
	case "Skip":
		return errSkip
	case "Abort":
		return errors.New("evaluate condition: its outcome is Abort")
	}

	return nil
}

// end settles the step's status and its consequences for the rest.
func (s *stepRun) end(err error) {
	s.result.End = s.now()
	status := progress.Success
	switch {
	case err == nil:
		s.result.Status = Success
	case errors.Is(err, errSkip):
		s.result.Status = Skipped
		status = progress.Skipped

	case s.step.OnFailure == Ignore:
		s.result.Status = IgnoredFailure
		status = progress.IgnoredFailure
		s.execution.result.Ignored++
	default:
		s.result.Status = Failed
		status = progress.Failed
		s.execution.result.Failed++
		s.stop = s.step.OnFailure == Abort
	}

	text := ""
	if status != progress.Skipped {
		s.execution.result.Executed++
	}

	if status == progress.Failed || status == progress.IgnoredFailure {
		text = s.mask.hide(err.Error())
		s.result.FailureMessage = text
		s.failed(text, status)
	}

	s.sink.event(progress.Event{Kind: progress.StepDone, Step: s.name(), Status: status, Elapsed: s.result.End.Sub(s.result.Start), Text: text})
}

// failed records the first failure that counts, for the log and the caller.
func (s *stepRun) failed(message string, status progress.Status) {
	s.sink.console("Step " + s.step.Name.Value + " failed: " + message)
	if status != progress.Failed || s.execution.result.FirstFailure != nil {
		return
	}
	f := &Failure{
		Document: s.jobs[s.at.Document].Path, Phase: s.named.Phase, Step: s.named.Name, Action: s.named.Action, Message: message,
	}

	if !s.step.DisableLogging {
		f.Stderr = s.stderr
	}

	s.execution.result.FirstFailure = f
}

// record passes the step to the observer, then drops its inputs and outputs.
func (s *stepRun) record() error {
	if s.result.Status == Success || s.step.Loop != nil {
		s.scope.keep(s.named.Phase+"."+s.named.Name, s.outputs)
	}

	s.result.Nested = s.nested
	if !s.step.DisableLogging {
		s.result.Inputs = encode(s.mask.inputs(s.inputs, s.run.Modules[s.step.Action.Value].Schema()))
		s.result.Outputs = encode(s.mask.outputs(s.outputs))
	}

	if s.run.Observer != nil && len(s.chain) == 0 {
		if err := s.sink.stepped(s.execution.result, s.at); err != nil {
			return fmt.Errorf("write log: %w", err)
		}
		s.result.Inputs = ""
		s.result.Outputs = ""
		s.result.Nested = nil
	}

	s.kept += len(s.result.Inputs) + len(s.result.Outputs)
	if s.kept > keepAtMost {
		s.result.Inputs = ""
		s.result.Outputs = ""
	}

	return nil
}

// encode writes a list of maps as in the log files: JSON on one line, empty if there is nothing.
func encode[T any](list []T) string {
	if len(list) == 0 {
		return ""
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(list); err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text.Bytes()))
}
