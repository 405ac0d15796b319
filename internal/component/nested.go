package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// maxNesting is the deepest nesting of documents, including the outermost.
const maxNesting = 4

// runNested runs another document inside this step (ExecuteDocument). Its parameters are its own.
func (s *stepRun) runNested(ctx context.Context, nested Nested) (Outputs, error) {
	chain := append(slices.Clip(s.chain), s.path(s.jobs[s.at.Document].Path))
	location := s.path(nested.Document)
	switch {
	case slices.Contains(chain, location):
		return nil, fmt.Errorf("run document %s: it is running already, around this step", nested.Document)
	case len(chain) >= maxNesting:
		return nil, fmt.Errorf("run document %s: documents nest at most %d levels below the first", nested.Document, maxNesting-1)
	}

	child, err := s.child(ctx, nested, location, chain)
	if err != nil {
		return nil, err
	}
	err = child.documents(ctx)
	s.nested = child.result

	if err == nil && child.result.Reboot != nil {
		if s.resumed == nil {
			s.resumed = &interrupted{}
		}
		s.resumed.Nested = child.snapshot()
		return nil, Reboot{Again: true, Delay: child.result.Reboot.Delay}
	}

	if err == nil && child.result.Status == Failed {
		err = errors.New(child.result.FailureMessage)
	}

	return child.result.outputs(), err
}

// child prepares the execution of a nested document, or resumes it after a reboot.
func (s *stepRun) child(ctx context.Context, nested Nested, location string, chain []string) (*execution, error) {
	text, err := s.open(ctx, nested, location)
	if err != nil {
		return nil, fmt.Errorf("open document %s: %w", nested.Document, err)
	}
	document, findings := Parse(location, text)
	if document == nil {
		return nil, InvalidError{Path: location, Findings: findings}
	}

	run := *s.run
	run.ID = uuid.NewString()
	run.Phases = nested.Phases
	run.Parameters = nil
	run.Documents = []Job{{Document: document, Path: location, Parameters: nested.Parameters}}
	child, err := run.prepare()
	if err != nil {
		return nil, err
	}

	child.mask = s.mask
	child.sink = s.sink
	child.chain = chain
	child.scopes[0].learn = s.mask.learn
	child.saved.Reboots = s.saved.Reboots

	if saved := s.resumed.nested(); saved != nil {
		saved.Result.Reboot = nil
		s.resumed.Nested = nil
		if err := child.resume(saved); err != nil {
			return nil, err
		}
		return child, nil
	}

	child.noteUnmatched()
	return child, nil
}

// open reads a document of bounded size.
func (s *stepRun) open(ctx context.Context, nested Nested, location string) ([]byte, error) {
	if s.run.Library != nil {
		return s.run.Library.Document(ctx, nested.Document, nested.BucketOwner)
	}
	file, err := os.Open(location)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxSize+1))
}

// outputs returns ExecuteDocument's outputs.
func (r *Result) outputs() Outputs {
	return Outputs{
		"executedStepCount": strconv.Itoa(r.Executed), "failedStepCount": strconv.Itoa(r.Failed),
		"ignoredFailedStepCount": strconv.Itoa(r.Ignored), "executionId": r.ExecutionID,
		"failureMessage": r.FailureMessage, "status": string(r.Status), "logUrl": "",
	}
}
