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

// captured is how much of a step's standard output later steps can refer to, in bytes.
const captured = 1 << 20

// stream passes a process's output on to a sink as it comes, and keeps its beginning.
type stream struct {
	in, out *os.File // the ends of a pipe; the process writes to in
	keep    int      // bytes

	mu   sync.Mutex
	sink io.Writer // nil once the reader has gone
	head bytes.Buffer
	more bool // there was more than head can hold
	done chan struct{}
}

func newStream(sink io.Writer, keep int) (*stream, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	return &stream{in: in, out: out, sink: sink, keep: keep, done: make(chan struct{})}, nil
}

// abandon closes a stream that was not started.
func (s *stream) abandon() error { return errors.Join(s.in.Close(), s.out.Close()) }

// start passes output on until the last process that holds the pipe is gone.
func (s *stream) start() {
	_ = s.in.Close() // the process has its own copy
	go func() {
		defer close(s.done)
		defer s.out.Close()
		s.pump()
	}()
}

func (s *stream) pump() {
	buffer := make([]byte, 16<<10)
	for {
		n, err := s.out.Read(buffer)
		s.pass(buffer[:n])
		if err != nil {
			return
		}
	}
}

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

// detach stops passing on and returns the kept output, without the newline at its end. It continues to read, so that
// a background process does not die of a broken pipe.
func (s *stream) detach() (text string, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sink = nil
	return string(bytes.TrimSuffix(s.head.Bytes(), []byte{'\n'})), s.keep == 0 || !s.more
}
