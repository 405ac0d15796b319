package component

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"image-builder/internal/s3uri"
)

// execution is a run in progress: the documents of a Run, or the one that ExecuteDocument runs inside it.
type execution struct {
	run    *Run
	now    func() time.Time
	mask   *masker
	sink   *sink
	env    []string
	jobs   []Job
	scopes []*scope // one per job
	result *Result
	// chain holds the paths of the documents around this one, the outermost first.
	chain []string
	// saved is where to continue after a reboot; at the beginning, where to start.
	saved *state
	kept  int // bytes of inputs and outputs that the result holds
	stop  bool
}

// errReboot ends the walk through the documents when the machine has to be rebooted first.
var errReboot = errors.New("reboot")

// documents runs everything from the saved state on. A wanted reboot is in the result, not an error.
func (e *execution) documents(ctx context.Context) error {
	for d := range e.jobs {
		if d < e.saved.Next.Document || e.stop {
			continue
		}

		if err := e.document(ctx, d); err != nil {
			if errors.Is(err, errReboot) {
				e.result.Status = Rebooting
				return nil
			}
			e.result.Status = Failed
			e.result.End = e.now()
			return err
		}
	}

	e.finish()
	return nil
}

func (e *execution) document(ctx context.Context, d int) error {
	result := e.result.Documents[d]
	if result.Start.IsZero() {
		result.Start = e.now()
		result.Status = Running
	}

	e.sink.console("Document " + result.Path)

	for p, phase := range result.Phases {
		if !phase.Selected || e.stop || e.passed(Place{d, p, len(phase.Steps)}) {
			continue
		}
		if err := e.phase(ctx, d, p); err != nil {
			result.Status = halted(err)
			return err
		}
	}

	result.End = e.now()
	result.Status, result.FailureMessage = summary("Phase", result.Phases, func(p *PhaseResult) (string, Status) { return p.Name, p.Status })
	return nil
}

// halted is the status of everything unfinished at the end of the walk.
func halted(err error) Status {
	if errors.Is(err, errReboot) {
		return Rebooting
	}
	return Failed
}

// passed reports whether everything before at was done before the reboot.
func (e *execution) passed(at Place) bool {
	next := e.saved.Next
	return at.Document == next.Document && (at.Phase < next.Phase || (at.Phase == next.Phase && at.Step < next.Step))
}

func (e *execution) phase(ctx context.Context, d, p int) error {
	result := e.result.Documents[d].Phases[p]
	if result.Start.IsZero() {
		result.Start = e.now()
		result.Status = Running
	}

	e.sink.console("Phase " + result.Name)

	for s := range result.Steps {
		at := Place{d, p, s}
		if e.stop || e.passed(at) {
			continue
		}
		if err := e.step(ctx, at); err != nil {
			result.Status = halted(err)
			return err
		}
	}

	result.End = e.now()
	result.Status, result.FailureMessage = summary("Step", result.Steps, func(s *StepResult) (string, Status) { return s.Name, s.Status })
	return nil
}

// summary derives the status of a whole from its parts.
func summary[T any](kind string, parts []T, of func(T) (name string, status Status)) (Status, string) {
	status := Success
	for _, part := range parts {
		name, s := of(part)
		switch s {
		case Failed:
			return Failed, fmt.Sprintf("%s %s failed!", kind, name)
		case IgnoredFailure, SuccessWithIgnoredFailure:
			status = SuccessWithIgnoredFailure
		}
	}

	return status, ""
}

func (e *execution) finish() {
	e.result.End = e.now()
	e.result.Status = Success
	if status, message := summary("Document", e.result.Documents, func(d *DocumentResult) (string, Status) { return d.Path, d.Status }); status == Failed {
		e.result.Status = Failed
		e.result.FailureMessage = message
	}

	if len(e.chain) > 0 {
		return
	}
	if e.result.Status == Success {
		e.sink.console("TOE has completed execution successfully")
		return
	}

	e.failureContext()
	e.sink.console("TOE has completed execution with failure - Execution failed!")
}

// failureContext writes the first failure as the service quotes it.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-failure-context.html
func (e *execution) failureContext() {
	f := e.result.FirstFailure
	if f == nil {
		return
	}

	for _, line := range [][2]string{
		{"Document", f.Document},
		{"Phase", f.Phase},
		{"Step", f.Step},
		{"Action", f.Action},
		{"ErrorMessage", f.Message},
		{"Stderr", f.Stderr},
	} {
		if line[1] != "" {
			e.sink.console(line[0] + ": " + line[1])
		}
	}
}

// path identifies a document in a chain of nested ones.
func (e *execution) path(location string) string {
	if filepath.IsAbs(location) || s3uri.Is(location) || e.run.Dir == "" {
		return location
	}
	return filepath.Join(e.run.Dir, location)
}
