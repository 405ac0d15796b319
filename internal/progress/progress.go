// Package progress reports what is happening: stages, steps, their output, bytes that move.
//
// Stages and machines report through a Func and never print. An Event is also one line of JSON: that is how
// `component run` inside a sandbox tells the bake outside. The package formats nothing and keeps nothing.
package progress

import "time"

// Kind says what an event reports.
type Kind string

// The kinds of events.
const (
	StageStarted Kind = "stage-started" // Stage
	StageDone    Kind = "stage-done"    // Stage, Elapsed
	StepStarted  Kind = "step-started"  // Step
	StepOutput   Kind = "step-output"   // Step, Stream, Text: one line, without its newline
	StepDone     Kind = "step-done"     // Step, Status, Elapsed, Text: why, if it failed
	Bytes        Kind = "bytes"         // Stage, Done, Total (0 if not known); over a network also Rate, Retries, Left
	Note         Kind = "note"          // Text: something the user should know
)

// Step names a step of a component document.
type Step struct {
	Document string `json:"document"`
	Phase    string `json:"phase"`
	Name     string `json:"name"`
	Action   string `json:"action,omitempty"`
	// Attempt counts from 1; Iteration from 0, -1 outside loops.
	Attempt   int `json:"attempt,omitempty"`
	Iteration int `json:"iteration,omitempty"`
}

// Status is how a step ended.
type Status string

// How a step can end. IgnoredFailure and Skipped count as success.
const (
	Success        Status = "success"
	Failed         Status = "failed"
	IgnoredFailure Status = "ignored-failure"
	Skipped        Status = "skipped"
	Rebooting      Status = "rebooting"
)

// Event is one thing that happened. Which fields are set depends on Kind.
type Event struct {
	Kind   Kind   `json:"kind"`
	Stage  string `json:"stage,omitempty"`
	Step   *Step  `json:"step,omitempty"`
	Stream string `json:"stream,omitempty"` // "stdout" or "stderr"
	Text   string `json:"text,omitempty"`
	// More says that Text is a piece of a long line, which continues in the next event of this step and stream.
	More bool `json:"more,omitempty"`
	// Fleeting says that Text matters only while it happens: a live display shows it, a log of lines leaves it out.
	Fleeting bool `json:"fleeting,omitempty"`

	Status  Status        `json:"status,omitempty"`
	Elapsed time.Duration `json:"elapsed,omitempty"` // nanoseconds
	Done    int64         `json:"done,omitempty"`    // bytes
	Total   int64         `json:"total,omitempty"`   // bytes
	Rate    float64       `json:"rate,omitempty"`    // of Bytes over a network: bytes a second
	Retries int64         `json:"retries,omitempty"` // calls that were made again
	Left    time.Duration `json:"left,omitempty"`    // nanoseconds until the end at this rate; 0 if not known
}

// Func receives events, one at a time. A nil Func is silent through Send.
type Func func(Event)

// Send sends e to f, if there is one.
func (f Func) Send(e Event) {
	if f != nil {
		f(e)
	}
}

// Stage reports that the named stage starts, and returns the function that reports its end.
func (f Func) Stage(name string) (done func()) {
	start := time.Now()
	f.Send(Event{Kind: StageStarted, Stage: name})
	return func() { f.Send(Event{Kind: StageDone, Stage: name, Elapsed: time.Since(start)}) }
}
