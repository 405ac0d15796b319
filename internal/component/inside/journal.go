package inside

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/secret"
)

// maxLine bounds one event of the machine, in bytes. A step's long line comes in pieces far shorter than that.
const maxLine = 1 << 20

// journal receives the events of `component run --stream`, line by line: it masks the secrets, writes each step's
// log, passes the events on and remembers how the steps ended. It is the machine's standard output.
type journal struct {
	dir     string
	secrets *secret.Set
	report  progress.Func
	line    []byte // the beginning of a line that has not ended yet
	// overlong says that line became too long and is skipped to its end.
	overlong bool
	steps    []*stepLog
	stderr   *tail
	// result is the status in the current run's result; "" until it arrives.
	result  progress.Status
	failure string // the failure message in the run's result
}

func newJournal(dir string, secrets *secret.Set, report progress.Func) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	return &journal{dir: dir, secrets: secrets, report: report, stderr: &tail{mask: secrets.Mask}}, nil
}

// Write splits the stream into lines. It never fails: a log that cannot be written must not end a bake.
func (j *journal) Write(p []byte) (int, error) {
	rest := p
	for len(rest) > 0 {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		j.overlong = j.overlong || len(j.line)+len(line) > maxLine
		if !j.overlong {
			j.line = append(j.line, line...)
		}
		if whole {
			j.whole()
		}
		rest = after
	}

	return len(p), nil
}

// whole handles a complete line.
func (j *journal) whole() {
	if j.overlong { // not ours, and a part of it could be a part of a secret
		j.stderr.add(overlongLine)
	} else {
		j.event(j.line)
	}
	j.line = j.line[:0]
	j.overlong = false
}

func (j *journal) event(line []byte) {
	var message struct {
		progress.Event
		FailureMessage string `json:"failureMessage"`
	}
	if err := json.Unmarshal(line, &message); err != nil {
		j.stderr.add(string(line)) // not ours: something else wrote to the machine's standard output
		return
	}
	if message.Kind == "" { // the result, awstoe's object: the last line
		j.result = message.Status
		j.failure = j.secrets.Mask(message.FailureMessage)
		return
	}

	event := message.Event
	if event.Kind == progress.StepOutput && event.Step != nil {
		shown, whole := j.of(*event.Step).output(event, j.secrets)
		if whole {
			event.Text = shown
			event.More = false
			j.report.Send(event)
		}
		return
	}

	event.Text = shorten(j.secrets.Mask(event.Text))
	if event.Step != nil {
		j.follow(event)
	}

	j.report.Send(event)
}

// restart forgets the end of an earlier run: after a reboot there is another one.
func (j *journal) restart() { j.result = "" }

// succeeded reports whether the run said at its end that the documents ran and that none of their steps failed.
func (j *journal) succeeded() bool { return j.result != "" && j.result != progress.Failed }

func (j *journal) follow(event progress.Event) {
	log := j.of(*event.Step)
	if event.Kind == progress.StepDone {
		log.step.Status = event.Status
		log.step.Message = event.Text
		log.step.Elapsed += image.Duration(event.Elapsed)
		log.close()
	}
}

// of returns the log of a step, and opens it at the step's first event. A step that runs again after a reboot, or in
// another iteration of a loop, continues its log.
func (j *journal) of(step progress.Step) *stepLog {
	for _, log := range j.steps {
		if log.step.Document == step.Document && log.step.Phase == step.Phase && log.step.Name == step.Name {
			return log
		}
	}
	log := newStepLog(j.dir, len(j.steps)+1, step)
	j.steps = append(j.steps, log)
	return log
}

// close closes the logs and explains err, the error of the run, by the step that failed first.
func (j *journal) close(err error) ([]image.Step, error) {
	steps := make([]image.Step, 0, len(j.steps))
	var first *stepLog
	for _, log := range j.steps {
		log.finish()
		if log.step.Status == "" { // it was running when the run ended
			log.step.Status = progress.Failed
		}
		if first == nil && log.step.Status == progress.Failed {
			first = log
		}
		steps = append(steps, log.step)
	}

	return steps, j.explain(err, first)
}

func (j *journal) explain(err error, first *stepLog) error {
	switch {
	case err == nil:
		return nil
	case first != nil:
		return &StepError{Step: first.step, Tail: first.lines(), Cause: err}
	case j.failure != "":
		return fmt.Errorf("run documents: %s: %w", j.failure, err)
	}

	if said := j.stderr.String(); said != "" {
		return fmt.Errorf("run documents: %w: %s", err, said)
	}
	return fmt.Errorf("run documents: %w", err)
}

// StepError says that a step failed, and shows the end of what it printed.
type StepError struct {
	Step  image.Step
	Tail  []string // its last lines, secrets masked
	Cause error
}

func (e *StepError) Error() string {
	message := e.Step.Message
	if message == "" {
		message = e.Cause.Error()
	}
	return fmt.Sprintf("run step %s of %s (%s): %s", e.Step.Name, e.Step.Document, e.Step.Phase, message)
}

// Class is that of failures, unless the time was up.
func (e *StepError) Class() fault.Class {
	if errors.Is(e.Cause, context.DeadlineExceeded) {
		return fault.TimedOut
	}
	return fault.Failed
}

// Hint is the cause's; without one it says where to look.
func (e *StepError) Hint() string {
	if hint := fault.HintOf(e.Cause); hint != "" || e.Step.Log == "" {
		return hint
	}
	return "its whole log is " + e.Step.Log + "; bake --keep-failed keeps the disk as it stood, for image shell"
}

// Output returns the file that has all that the step printed, and its last lines.
func (e *StepError) Output() (log string, tail []string) { return e.Step.Log, e.Tail }

// Unwrap returns why the run ended: a cancelled context, or the status of the run.
func (e *StepError) Unwrap() error { return e.Cause }
