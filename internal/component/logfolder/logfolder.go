// Package logfolder writes the log folder of a run as awstoe leaves it: a copy of each document, console.log,
// application.log, detailedoutput.json and chaining.json.
//
// A Log observes a run and writes while it happens: console lines within a second, the two JSON files as often as
// they cost little, and completely at the end. The inputs and outputs of steps are kept on disk, so memory does not
// grow with the run. The package never decides anything about a run and never sees a secret: its input is already
// masked.
//
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html#document-logging
package logfolder

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"image-builder/internal/component"
)

// Document is an input document, copied into the folder as it is.
type Document struct {
	Path string
	Text []byte
}

// Log is an open log folder. Its methods are called from one goroutine at a time. It is a component.Observer.
type Log struct {
	// Dir is the folder.
	Dir string

	now     func() time.Time
	files   [2]*os.File // console.log, application.log
	console *bufio.Writer
	details *bufio.Writer
	flushed time.Time
	spool   *spool
	due     time.Time // time of the next write of the JSON files
}

// stale is the longest that a console line waits for its file, and the shortest time between two writes of the JSON
// files.
const stale = time.Second

// stampFormat is the timestamp at the start of a line: RFC 3339 with nanoseconds.
const stampFormat = "2006-01-02T15:04:05.000000000Z "

// share bounds the time spent on the JSON files while steps run, to one part in so many.
const share = 50

// Open makes the folder TOE_<time>_UTC-0_<execution ID> in parent and copies the documents into it. If parent has a
// folder of this execution from before a reboot, it continues that one.
func Open(parent, executionID string, documents []Document, now func() time.Time) (*Log, error) {
	dir, err := folder(parent, executionID, now())
	if err != nil {
		return nil, err
	}
	l := &Log{Dir: dir, now: now}
	for i, name := range []string{"console.log", "application.log"} {
		l.files[i], err = os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open log: %w", err), l.release())
		}
	}

	l.console = bufio.NewWriter(l.files[0])
	l.details = bufio.NewWriter(l.files[1])
	l.spool, err = newSpool(dir)
	if err != nil {
		return nil, errors.Join(err, l.release())
	}

	for i, document := range documents {
		name := fmt.Sprintf("D%d__%s", i, filepath.Base(document.Path))
		if err := os.WriteFile(filepath.Join(dir, name), document.Text, 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("copy document: %w", err), l.release())
		}
	}

	return l, nil
}

func folder(parent, executionID string, now time.Time) (string, error) {
	if found, _ := filepath.Glob(filepath.Join(parent, "TOE_*_UTC-0_"+executionID)); len(found) > 0 {
		return found[0], nil
	}
	dir := filepath.Join(parent, "TOE_"+now.UTC().Format("2006-01-02_15-04-05")+"_UTC-0_"+executionID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make log folder: %w", err)
	}
	return dir, nil
}

// Planned writes the first state of the JSON files.
func (l *Log) Planned(result *component.Result) error {
	l.debug("Setup: execution %s of %d documents, all of them checked", result.ExecutionID, len(result.Documents))
	if err := l.spool.recover(l.Dir, result); err != nil {
		return err
	}
	return l.write(result)
}

// Stepped records a step's inputs and outcome.
func (l *Log) Stepped(result *component.Result, at component.Place) error {
	step := result.Step(at)
	l.debug("Executor: step %s ended after %d attempts: %s", step.Name, step.Attempts, step.Status)
	if err := l.spool.add(at, step); err != nil {
		return err
	}
	if l.now().Before(l.due) {
		return l.flush()
	}
	return l.write(result)
}

// Console writes a line to both logs.
func (l *Log) Console(line string) {
	now := l.now()
	stamp := now.UTC().Format(stampFormat)
	for _, log := range []*bufio.Writer{l.console, l.details} {
		_, _ = log.WriteString(stamp)
		_, _ = log.WriteString(line)
		_ = log.WriteByte('\n') // bufio keeps the first error for Flush
	}
	if now.Sub(l.flushed) > stale {
		_ = l.flush()
	}
}

// debug writes a line to application.log alone.
func (l *Log) debug(format string, args ...any) {
	_, _ = fmt.Fprintf(l.details, "%sDebug %s\n", l.now().UTC().Format(stampFormat), fmt.Sprintf(format, args...))
}

func (l *Log) flush() error {
	l.flushed = l.now()
	if err := errors.Join(l.console.Flush(), l.details.Flush()); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// write brings all files up to date.
func (l *Log) write(result *component.Result) error {
	start := time.Now()
	err := errors.Join(
		l.flush(),
		replace(filepath.Join(l.Dir, "detailedoutput.json"), func(w *bufio.Writer) error { return l.detailed(w, result) }),
		replace(filepath.Join(l.Dir, "chaining.json"), func(w *bufio.Writer) error { return l.chaining(w, result) }),
	)
	l.due = l.now().Add(max(stale, share*time.Since(start)))
	return err
}

// Close writes the final state of all files and closes them. Result may be nil if the run never started.
func (l *Log) Close(result *component.Result) error {
	var err error
	if result != nil {
		err = l.write(result)
	} else {
		err = l.flush()
	}
	return errors.Join(err, l.release())
}

func (l *Log) release() error {
	var errs []error
	for _, file := range l.files {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	if l.spool != nil {
		errs = append(errs, l.spool.file.Close())
	}
	return errors.Join(errs...)
}

// replace rewrites a file atomically.
func replace(path string, write func(*bufio.Writer) error) error {
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	buffer := bufio.NewWriterSize(file, 64<<10)
	if err := errors.Join(write(buffer), buffer.Flush(), file.Close()); err != nil {
		return errors.Join(fmt.Errorf("write log: %w", err), os.Remove(part))
	}
	return os.Rename(part, path)
}
