package component

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/finding"
	"image-builder/internal/progress"
)

// Run executes component documents on this machine, as `awstoe run` does.
type Run struct {
	// ID is the execution ID. A resumed run keeps its ID.
	ID        string
	Documents []Job
	// Parameters are given to every document that declares them; a Job's own come first.
	Parameters []Parameter
	// Phases selects phases by name; empty: all. They run in document order.
	Phases  []string
	Modules Modules
	// Blocked names actions that must not run.
	Blocked []string
	// Values may be nil if no document refers to parameters.
	Values Values
	// Library opens documents for ExecuteDocument; nil: local files only.
	Library Library
	// Report receives steps and their output, masked. Observer receives what log files are made of. Both may be nil.
	Report   progress.Func
	Observer Observer
	// Env is the environment of processes; WORKING_DIRECTORY is added if it is missing. Dir is their directory.
	Env []string
	Dir string
	// StateDir holds the state of a run that waits for a reboot. Empty: a step that wants a reboot fails.
	StateDir string
	// Mask hides the caller's secrets; nil: none. Looked-up parameters are always masked.
	Mask func(string) string
	// Platform is the platform to run on; empty: this machine's.
	Platform Platform
	Now      func() time.Time
}

// Job is a document to run.
type Job struct {
	Document *Document
	// Path is the document's name in logs; empty: its file.
	Path       string
	Parameters []Parameter
}

// InvalidError says that documents have faults: no step ran.
type InvalidError struct {
	Path     string
	Findings finding.List
}

func (u InvalidError) Error() string {
	for _, f := range u.Findings {
		if f.Severity == finding.Error {
			return fmt.Sprintf("check document: %v", f)
		}
	}
	return "check document " + u.Path + ": it cannot be read"
}

// Class is that of bad input.
func (u InvalidError) Class() fault.Class { return fault.BadInput }

// Hint is empty: the findings say what would be right.
func (u InvalidError) Hint() string { return "" }

// Execute runs the documents one after another, each with its phases in order. It checks all documents before any
// step runs.
//
// A failed step is not an error; the result reports it. An error means that the run was impossible: documents with
// faults (InvalidError), a state directory of another run, or a context that ended. If the result has Reboot set, reboot
// the machine and execute the same run again with the same state directory.
func (r *Run) Execute(ctx context.Context) (Result, error) {
	e, err := r.prepare()
	if err != nil {
		return Result{ExecutionID: r.ID, Status: Failed, FailureMessage: err.Error()}, err
	}
	if err := e.recover(r.StateDir); err != nil {
		return *e.result, err
	}

	if r.Observer != nil {
		if err := r.Observer.Planned(e.result); err != nil {
			return *e.result, fmt.Errorf("write log: %w", err)
		}
	}

	if e.saved.Reboots == 0 {
		e.noteUnmatched()
	}

	err = e.documents(ctx)
	if err == nil {
		err = e.settle(r.StateDir)
	}

	return *e.result, err
}

// prepare checks every document and lays out the result.
func (r *Run) prepare() (*execution, error) {
	m := &masker{outer: r.Mask}
	e := &execution{
		run: r, now: r.Now, mask: m, env: r.environment(), saved: &state{Version: stateVersion},
		sink:   &sink{mask: m, report: r.Report, observer: r.Observer},
		result: &Result{ExecutionID: r.ID},
	}
	if e.now == nil {
		e.now = time.Now
	}

	if err := e.plan(r.Documents); err != nil {
		return nil, err
	}
	e.result.Start = e.now()
	e.saved.ExecutionID = r.ID

	return e, nil
}

// plan checks the documents and lists every step to come in the result.
func (e *execution) plan(jobs []Job) error {
	for _, job := range jobs {
		if job.Path == "" {
			job.Path = job.Document.File
		}

		if err := e.run.usable(job); err != nil {
			return err
		}
		variables, err := e.run.variables(job)
		if err != nil {
			return err
		}

		scope := newScope(job.Document, e.run.Modules, variables)
		scope.values = e.run.Values
		scope.learn = e.mask.learn
		e.jobs = append(e.jobs, job)
		e.scopes = append(e.scopes, scope)
		e.result.Documents = append(e.result.Documents, e.run.blank(job))
	}

	return nil
}

func (r *Run) usable(job Job) error {
	findings := slices.Concat(job.Document.faults, Check(job.Document, r.Modules, Options{Platform: r.platform(), Here: true}))
	if findings.Errors() > 0 {
		return InvalidError{Path: job.Path, Findings: sortFindings(findings)}
	}
	var err error
	job.Document.Steps(func(_ *Phase, step *Step) {
		if err == nil && slices.Contains(r.Blocked, step.Action.Value) {
			err = fmt.Errorf("check document %s: step %s uses %s, which is blocked", job.Path, step.Name, step.Action)
		}
	})

	return err
}

func (r *Run) platform() Platform {
	if r.Platform != "" {
		return r.Platform
	}
	switch runtime.GOOS {
	case "windows":
		return Windows
	case "darwin":
		return MacOS
	}
	return Linux
}

// variables returns the values of a document's parameters and constants. A parameter that has neither a default nor a
// given value is empty, as in awstoe; noteUnmatched says so.
func (r *Run) variables(job Job) (map[string]string, error) {
	given := make(map[string]string)
	for _, list := range [][]Parameter{r.Parameters, job.Parameters} {
		for _, p := range list {
			given[p.Name] = p.Value
		}
	}

	values := make(map[string]string)
	for name, v := range job.Document.variables() {
		values[name] = v.Default.Value
		value, ok := given[name]
		if v.Constant || !ok {
			continue
		}
		if !v.allows(value) {
			return nil, fmt.Errorf("set parameter %s of %s: %q is not allowed: choose one of %s", name, job.Path, value, v.choices())
		}
		values[name] = value
	}

	return values, nil
}

func (v *Variable) choices() string {
	choices := make([]string, len(v.Allowed))
	for i, allowed := range v.Allowed {
		choices[i] = allowed.Value
	}
	return strings.Join(choices, ", ")
}

// environment is Env with WORKING_DIRECTORY, which Image Builder defines.
func (r *Run) environment() []string {
	for _, variable := range r.Env {
		if strings.HasPrefix(variable, "WORKING_DIRECTORY=") {
			return r.Env
		}
	}
	dir := r.Dir
	if dir == "" {
		dir, _ = filepath.Abs(".")
	}
	return append(slices.Clip(r.Env), "WORKING_DIRECTORY="+dir)
}

// selected reports whether a phase is to run.
func (r *Run) selected(phase string) bool {
	return len(r.Phases) == 0 || slices.Contains(r.Phases, phase)
}

// blank is the result of a document that did not run yet.
func (r *Run) blank(job Job) *DocumentResult {
	document := &DocumentResult{Name: job.Document.Name.Value, Path: job.Path, Description: job.Document.Description.Value}
	for _, phase := range job.Document.Phases {
		p := &PhaseResult{Name: phase.Name.Value, Selected: r.selected(phase.Name.Value), Steps: make([]*StepResult, 0, len(phase.Steps))}
		for _, step := range phase.Steps {
			p.Steps = append(p.Steps, &StepResult{
				Name: step.Name.Value, Action: step.Action.Value, Timeout: step.Timeout,
				OnFailure: step.OnFailure, MaxAttempts: step.MaxAttempts, Loop: step.Loop.json(),
			})
		}
		document.Phases = append(document.Phases, p)
	}

	return document
}
