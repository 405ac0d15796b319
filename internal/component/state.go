package component

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"image-builder/internal/progress"
)

const (
	stateVersion = 1
	stateFile    = "state.json"
	// maxReboots is the service's own limit (SSM agent's Mds.CommandRetryLimit).
	maxReboots = 15
)

// state is what a run needs to continue after a reboot. It contains outputs that later steps refer to, so its file is
// private to its owner, exists only while a reboot is pending, and is removed when the run ends.
type state struct {
	Version     int       `json:"version"`
	ExecutionID string    `json:"executionId"`
	Digest      string    `json:"digest"` // of documents, phases and parameters
	Start       time.Time `json:"startTime"`
	Reboots     int       `json:"reboots"`
	// Boot identifies the machine's boot in which the run stopped; empty if the system does not say.
	Boot string `json:"boot,omitempty"`
	Next Place  `json:"next"`
	// Interrupted says how far the step at Next had come; nil if it has not started.
	Interrupted *interrupted `json:"interrupted,omitempty"`
	Result      *Result      `json:"result,omitempty"`
	// Outputs holds, for each document, the outputs that references name, by phase.step.
	Outputs []map[string][]Outputs `json:"outputs,omitempty"`
}

// interrupted is a step that a reboot interrupted.
type interrupted struct {
	Attempt   int     `json:"attempt"`
	Iteration uint64  `json:"iteration,omitempty"`
	Outputs   Outputs `json:"outputs,omitempty"` // of the iterations before
	Nested    *state  `json:"nested,omitempty"`
}

func (i *interrupted) nested() *state {
	if i == nil {
		return nil
	}
	return i.Nested
}

// take returns how far the step at this place had come before the reboot, once.
func (s *state) take(at Place) *interrupted {
	if s.Next != at {
		return nil
	}
	taken := s.Interrupted
	s.Interrupted = nil
	return taken
}

// Pending returns the execution ID of the run in a state directory that waits for a reboot; empty if there is none.
func Pending(dir string) (executionID string, err error) {
	s, err := readState(dir)
	if s == nil || err != nil {
		return "", err
	}
	return s.ExecutionID, nil
}

func readState(dir string) (*state, error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}

	var s state
	if err := json.Unmarshal(text, &s); err != nil || s.Version != stateVersion || s.Result == nil {
		return nil, fmt.Errorf("read state: %s is not a state file of this version: remove it to start from scratch", filepath.Join(dir, stateFile))
	}

	return &s, nil
}

// recover resumes the run that waits in the state directory, if there is one.
func (e *execution) recover(dir string) error {
	digest, err := e.digest()
	if err != nil {
		return err
	}
	e.saved.Digest = digest
	e.saved.Start = e.result.Start

	if dir == "" {
		return nil
	}
	s, err := readState(dir)
	if s == nil || err != nil {
		return err
	}
	if s.Digest != digest {
		return fmt.Errorf("resume run: %s holds execution %s of other documents, phases or parameters, started %s: run those again to finish it, "+
			"or remove the directory", dir, s.ExecutionID, s.Start.Format(time.RFC3339))
	}

	if err := e.resume(s); err != nil {
		return err
	}
	e.noteReboot(s.Boot)
	return nil
}

// resume continues from a state.
func (e *execution) resume(s *state) error {
	if len(s.Outputs) != len(e.scopes) || len(s.Result.Documents) != len(e.jobs) {
		return errors.New("resume run: the state does not fit the documents: remove the state directory to start from scratch")
	}

	for d, document := range s.Result.Documents {
		if len(document.Phases) != len(e.result.Documents[d].Phases) {
			return errors.New("resume run: the state does not fit the documents: remove the state directory to start from scratch")
		}
		e.scopes[d].outputs = s.Outputs[d]
		if e.scopes[d].outputs == nil {
			e.scopes[d].outputs = make(map[string][]Outputs)
		}
	}

	e.saved = s
	e.result = s.Result
	e.result.Status = Running
	return nil
}

// noteReboot says whether the machine was rebooted since the run stopped, as far as the system tells.
func (e *execution) noteReboot(before string) {
	now := bootID()
	switch {
	case before == "" || now == "":
		e.sink.console("Executor: The run goes on after it asked for a reboot")
	case before == now:
		text := "the run goes on, but this machine was not rebooted since it stopped"
		e.sink.console("Executor: " + text)
		e.sink.event(progress.Event{Kind: progress.Note, Text: text})
	default:
		e.sink.console("Executor: System has rebooted successfully")
	}
}

// bootID identifies the machine's current boot; empty if the system does not say.
// https://www.kernel.org/doc/html/latest/admin-guide/sysctl/kernel.html#random
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// digest identifies a run: only a run of the same documents, phases and parameters may continue it.
func (e *execution) digest() (string, error) {
	hash := sha256.New()
	encoder := json.NewEncoder(hash)
	for _, job := range e.jobs {
		if err := encoder.Encode([]any{job.Path, job.Document.Source(), job.Parameters}); err != nil {
			return "", fmt.Errorf("digest documents: %w", err)
		}
	}

	if err := encoder.Encode([]any{e.run.Phases, e.run.Parameters}); err != nil {
		return "", fmt.Errorf("digest documents: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// interrupt ends the walk because a step wants a reboot, and records where to continue.
func (s *stepRun) interrupt(reboot Reboot) error {
	e := s.execution
	if err := e.mayReboot(); err != nil {
		s.end(err)
		return s.record()
	}
	// A loop goes on with its next iteration, so its step runs again in any case.
	again := reboot.Again || s.step.Loop != nil
	e.saved.Reboots++
	e.saved.Next = s.at

	if again {
		progressed := s.resumed
		if progressed == nil {
			progressed = &interrupted{}
		}
		progressed.Attempt = s.named.Attempt
		e.saved.Interrupted = progressed
		s.result.Status = Rebooting
		s.sink.event(progress.Event{Kind: progress.StepDone, Step: s.name(), Status: progress.Rebooting, Elapsed: s.now().Sub(s.result.Start)})
	} else {
		e.saved.Next.Step++
		e.saved.Interrupted = nil
		s.end(nil)
		if err := s.record(); err != nil {
			return err
		}
	}

	e.result.Reboot = &reboot
	return errReboot
}

// mayReboot says why a reboot is impossible here; nil if it is possible.
func (e *execution) mayReboot() error {
	if e.run.StateDir == "" {
		return errors.New("reboot: there is no state directory to go on from")
	}
	if e.saved.Reboots >= maxReboots {
		return fmt.Errorf("reboot: the run has rebooted %d times already", maxReboots)
	}
	return nil
}

// snapshot is the current state, for the file or for the state of the enclosing document.
func (e *execution) snapshot() *state {
	e.saved.Result = e.result
	e.saved.Boot = bootID()
	e.saved.Outputs = e.saved.Outputs[:0]
	for _, scope := range e.scopes {
		e.saved.Outputs = append(e.saved.Outputs, scope.outputs)
	}
	return e.saved
}

// settle writes the state if a reboot follows, and removes it otherwise.
func (e *execution) settle(dir string) error {
	switch {
	case dir == "":
		return nil
	case e.result.Reboot != nil:
		return e.snapshot().write(dir)
	}
	if err := os.Remove(filepath.Join(dir, stateFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove state: %w", err)
	}
	return nil
}

// write replaces the state file atomically.
func (s *state) write(dir string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write state: %w", err)
		}
	}()

	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}

	file, err := os.CreateTemp(dir, stateFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())

	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}

	return os.Rename(file.Name(), filepath.Join(dir, stateFile))
}
