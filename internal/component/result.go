package component

import (
	"encoding/json"
	"time"
)

// Status is the state of a step, phase, document or run, spelt as in the log files.
type Status string

// The states. NotRun is empty: it did not run yet, or never will. States with Ignored in the name count as success.
const (
	NotRun                    Status = ""
	Running                   Status = "running"
	Success                   Status = "success"
	Failed                    Status = "failed"
	IgnoredFailure            Status = "ignoredFailure"
	Skipped                   Status = "skipped"
	SuccessWithIgnoredFailure Status = "successWithIgnoredFailure"
	Rebooting                 Status = "rebooting"
)

// Result is the outcome of a run: what `awstoe run` prints and what its log files contain.
type Result struct {
	ExecutionID    string            `json:"executionId"`
	Status         Status            `json:"status"`
	Start          time.Time         `json:"startTime"`
	End            time.Time         `json:"endTime"`
	FailureMessage string            `json:"failureMessage"`
	Executed       int               `json:"executedStepCount"`
	Failed         int               `json:"failedStepCount"`
	Ignored        int               `json:"ignoredFailedStepCount"`
	Documents      []*DocumentResult `json:"documents"`
	// FirstFailure is the step that failed first; nil if none did.
	FirstFailure *Failure `json:"firstFailure,omitempty"`
	// Reboot means that the machine must be rebooted and the same run executed again afterwards.
	Reboot *Reboot `json:"-"`
}

// DocumentResult is the outcome of a document.
type DocumentResult struct {
	Name           string         `json:"name"`
	Path           string         `json:"filePath"`
	Description    string         `json:"description"`
	Status         Status         `json:"status"`
	Start          time.Time      `json:"startTime"`
	End            time.Time      `json:"endTime"`
	FailureMessage string         `json:"failureMessage"`
	Phases         []*PhaseResult `json:"phases"`
}

// PhaseResult is the outcome of a phase.
type PhaseResult struct {
	Name           string        `json:"name"`
	Selected       bool          `json:"isSelected"`
	Status         Status        `json:"status"`
	Start          time.Time     `json:"startTime"`
	End            time.Time     `json:"endTime"`
	FailureMessage string        `json:"failureMessage"`
	Steps          []*StepResult `json:"steps"`
}

// StepResult is the outcome of a step.
type StepResult struct {
	Name           string    `json:"name"`
	Action         string    `json:"action"`
	Status         Status    `json:"status"`
	FailureMessage string    `json:"failureMessage"`
	Timeout        int       `json:"timeoutSeconds"` // -1: none
	OnFailure      OnFailure `json:"onFailure"`
	MaxAttempts    int       `json:"maxAttempts"`
	Attempts       int       `json:"attempts"` // attempts made
	Start          time.Time `json:"startTime"`
	End            time.Time `json:"endTime"`
	// Inputs and Outputs are JSON lists of maps, secrets masked; empty if nothing is known about them.
	Inputs  string `json:"inputs"`
	Outputs string `json:"outputs"`
	// Loop is the loop as JSON; nil without one.
	Loop json.RawMessage `json:"loop,omitempty"`
	// Nested is the record of the document that ExecuteDocument ran. It is dropped together with the inputs.
	Nested *Result `json:"detailedOutput,omitempty"`
}

// Failure names the first step that failed.
type Failure struct {
	Document string `json:"document"` // its path
	Phase    string `json:"phase"`
	Step     string `json:"step"`
	Action   string `json:"action"`
	Message  string `json:"errorMessage"`
	// Stderr is the end of the step's stderr, at most 4 KiB.
	Stderr string `json:"stderr,omitempty"`
}

// Place locates a step of a result by the indexes of its document, phase and itself.
type Place struct {
	Document int `json:"document"`
	Phase    int `json:"phase"`
	Step     int `json:"step"`
}

// Step returns the step at a place of the result.
func (r *Result) Step(at Place) *StepResult {
	return r.Documents[at.Document].Phases[at.Phase].Steps[at.Step]
}

// JSON of a loop, for the log files.
func (l *Loop) json() json.RawMessage {
	if l == nil {
		return nil
	}
	object := map[string]any{"name": l.Name.Value}
	switch {
	case l.For != nil:
		object["for"] = map[string]int64{"start": l.For.Start, "end": l.For.End, "updateBy": l.For.UpdateBy}
	case l.List != nil:
		object["forEach"] = map[string]string{"list": l.List.Text, "delimiter": l.Delimiter}
	default:
		items := make([]string, len(l.Each))
		for i, item := range l.Each {
			items[i] = item.Text
		}
		object["forEach"] = items
	}

	text, _ := json.Marshal(object) // maps of texts and numbers always marshal
	return text
}
