package logfolder

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"

	"image-builder/internal/component"
)

// The shapes of detailedoutput.json. Lists that are empty here are written one by one: see nest.
type detailedRun struct {
	ExecutionID    string             `json:"executionId"`
	Status         string             `json:"status"`
	StartTime      string             `json:"startTime"`
	EndTime        string             `json:"endTime"`
	FailureMessage string             `json:"failureMessage"`
	Documents      []detailedDocument `json:"documents,omitempty"`
}

type detailedDocument struct {
	Name           string          `json:"name"`
	FilePath       string          `json:"filePath"`
	Status         string          `json:"status"`
	Description    string          `json:"description"`
	StartTime      string          `json:"startTime"`
	EndTime        string          `json:"endTime"`
	FailureMessage string          `json:"failureMessage"`
	Phases         []detailedPhase `json:"phases,omitempty"`
}

type detailedPhase struct {
	Name           string       `json:"name"`
	Status         string       `json:"status"`
	StartTime      string       `json:"startTime"`
	EndTime        string       `json:"endTime"`
	FailureMessage string       `json:"failureMessage"`
	Steps          []stepRecord `json:"steps,omitempty"`
}

type stepRecord struct {
	Name           string          `json:"name"`
	Status         string          `json:"status"`
	FailureMessage string          `json:"failureMessage"`
	TimeoutSeconds int             `json:"timeoutSeconds"`
	OnFailure      string          `json:"onFailure"`
	MaxAttempts    int             `json:"maxAttempts"`
	Action         string          `json:"action"`
	StartTime      string          `json:"startTime"`
	EndTime        string          `json:"endTime"`
	Inputs         string          `json:"inputs"`
	Outputs        string          `json:"outputs"`
	Loop           json.RawMessage `json:"loop"`
	DetailedOutput []detailedRun   `json:"detailedOutput"`
}

// The shapes of chaining.json.
type chainedPhase struct {
	Name       string `json:"name"`
	IsSelected bool   `json:"isSelected"`
}

type chainedRecord struct {
	Name      string          `json:"name"`
	Inputs    string          `json:"inputs"`
	Outputs   string          `json:"outputs"`
	Loop      json.RawMessage `json:"loop"`
	Documents []detailedRun   `json:"documents"`
}

func detailedStep(s *component.StepResult) stepRecord {
	return stepRecord{
		Name: s.Name, Status: string(s.Status), FailureMessage: s.FailureMessage, TimeoutSeconds: s.Timeout,
		OnFailure: string(s.OnFailure), MaxAttempts: s.MaxAttempts, Action: s.Action,
		StartTime: stamp(s.Start), EndTime: stamp(s.End), Inputs: s.Inputs, Outputs: s.Outputs,
		Loop: s.Loop, DetailedOutput: nested(s.Nested),
	}
}

func chainedStep(s *component.StepResult) chainedRecord {
	return chainedRecord{Name: s.Name, Inputs: s.Inputs, Outputs: s.Outputs, Loop: s.Loop}
}

// nested is the record of the run inside an ExecuteDocument step.
func nested(r *component.Result) []detailedRun {
	if r == nil {
		return nil
	}
	run := head(r)
	for _, d := range r.Documents {
		document := documentHead(d)
		for _, p := range d.Phases {
			phase := phaseHead(p)
			for _, s := range p.Steps {
				phase.Steps = append(phase.Steps, detailedStep(s))
			}
			document.Phases = append(document.Phases, phase)
		}
		run.Documents = append(run.Documents, document)
	}

	return []detailedRun{run}
}

func head(r *component.Result) detailedRun {
	return detailedRun{
		ExecutionID: r.ExecutionID, Status: string(r.Status),
		StartTime: stamp(r.Start), EndTime: stamp(r.End), FailureMessage: r.FailureMessage,
	}
}

func documentHead(d *component.DocumentResult) detailedDocument {
	return detailedDocument{
		Name: d.Name, FilePath: d.Path, Status: string(d.Status), Description: d.Description,
		StartTime: stamp(d.Start), EndTime: stamp(d.End), FailureMessage: d.FailureMessage,
	}
}

func phaseHead(p *component.PhaseResult) detailedPhase {
	return detailedPhase{
		Name: p.Name, Status: string(p.Status),
		StartTime: stamp(p.Start), EndTime: stamp(p.End), FailureMessage: p.FailureMessage,
	}
}

// detailed writes detailedoutput.json.
func (l *Log) detailed(w *bufio.Writer, r *component.Result) error {
	err := nest(w, 0, head(r), "documents", len(r.Documents), func(d int) error {
		document := r.Documents[d]
		return nest(w, 2, documentHead(document), "phases", len(document.Phases), func(p int) error {
			phase := document.Phases[p]
			return nest(w, 4, phaseHead(phase), "steps", len(phase.Steps), func(s int) error {
				return l.spool.write(w, 0, component.Place{Document: d, Phase: p, Step: s}, phase.Steps[s])
			})
		})
	})

	_ = w.WriteByte('\n')
	return err
}

// chaining writes chaining.json.
func (l *Log) chaining(w *bufio.Writer, r *component.Result) error {
	err := array(w, 0, len(r.Documents), func(d int) error {
		phases := r.Documents[d].Phases
		return nest(w, 1, struct{}{}, "phases", len(phases), func(p int) error {
			phase := phases[p]
			return nest(w, 3, chainedPhase{phase.Name, phase.Selected}, "steps", len(phase.Steps), func(s int) error {
				return l.spool.write(w, 1, component.Place{Document: d, Phase: p, Step: s}, phase.Steps[s])
			})
		})
	})

	_ = w.WriteByte('\n')
	return err
}

// nest writes an object: its head's fields, then a list whose items are written one by one.
func nest(w *bufio.Writer, depth int, head any, list string, n int, each func(int) error) error {
	text, err := indented(head, depth)
	if err != nil {
		return err
	}
	before := strings.TrimRight(strings.TrimSuffix(string(text), "}"), " \n")
	separator := ",\n"

	if strings.HasSuffix(before, "{") {
		separator = "\n"
	}

	fmt.Fprintf(w, "%s%s%s%q: ", before, separator, strings.Repeat(tab, depth+1), list)
	if err := array(w, depth+1, n, each); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s}", strings.Repeat(tab, depth))

	return err
}

// array writes a list whose items are written one by one, indented one level below depth.
func array(w *bufio.Writer, depth, n int, each func(int) error) error {
	if n == 0 {
		_, err := w.WriteString("[]")
		return err
	}
	_, _ = w.WriteString("[") // bufio keeps the first error for Flush

	for i := range n {
		if i > 0 {
			_, _ = w.WriteString(",")
		}
		_, _ = w.WriteString("\n")
		if err := each(i); err != nil {
			return err
		}
	}

	_, err := fmt.Fprintf(w, "\n%s]", strings.Repeat(tab, depth))
	return err
}
