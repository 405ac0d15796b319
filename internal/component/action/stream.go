package action

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// captured is how many bytes of a step's standard output later steps can refer to.
	captured = 1 << 20
	// longest is the length at which a line is split, in bytes.
	longest = 64 << 10
)

// stream passes what a process writes on to a sink, whole lines at a time, and keeps its beginning.
type stream struct {
	in, out *os.File // the ends of a pipe; the process writes to in
	keep    int      // bytes

	mu   sync.Mutex
	sink io.Writer // nil: nobody listens any more
	head bytes.Buffer
	more bool // there was more than head holds
	done chan struct{}
}

func newStream(sink io.Writer, keep int) (*stream, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	return &stream{in: in, out: out, sink: sink, keep: keep, done: make(chan struct{})}, nil
}

// abandon gives up a stream that was not started.
func (s *stream) abandon() error { return errors.Join(s.in.Close(), s.out.Close()) }

// start passes on from now until the last process that holds the pipe is gone.
func (s *stream) start() {
	_ = s.in.Close() // the process has its own
	go func() {
		defer close(s.done)
		defer s.out.Close()
		s.pump()
	}()
}

func (s *stream) pump() {
	buffer, filled := make([]byte, longest), 0
	for {
		n, err := s.out.Read(buffer[filled:])
		filled += n
		lines := bytes.LastIndexByte(buffer[:filled], '\n') + 1
		if lines == 0 && (err != nil || filled == len(buffer)) {
			lines = filled
		}
		s.pass(buffer[:lines])
		filled = copy(buffer, buffer[lines:filled])
		if err != nil {
			s.pass(buffer[:filled])
			return
		}
	}
}

// pass hands on whole lines, or a piece of a line that is too long: that gets an end of its own.
func (s *stream) pass(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink == nil || len(text) == 0 {
		return
	}
	room := min(s.keep-s.head.Len(), len(text))
	s.head.Write(text[:room])
	s.more = s.more || room < len(text)
	_, _ = s.sink.Write(text) // a log that cannot be written must not fail the step
	if text[len(text)-1] != '\n' {
		_, _ = s.sink.Write([]byte{'\n'})
	}
}

// wait waits for the end of the output; false: ctx or the time ended first.
func (s *stream) wait(ctx context.Context, deadline <-chan time.Time) bool {
	select {
	case <-s.done:
		return true
	case <-deadline:
	case <-ctx.Done():
	}
	return false
}

// detach stops passing on and returns what was kept, without the newline at its end. Reading goes on, so that a
// background process does not die of a broken pipe.
func (s *stream) detach() (text string, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sink = nil
	return string(bytes.TrimSuffix(s.head.Bytes(), []byte{'\n'})), s.keep == 0 || !s.more
}
