package component

import (
	"bytes"
	"strings"
	"sync"

	"image-builder/internal/progress"
)

const (
	longestLine  = 64 << 10 // bytes; a longer line is cut into pieces
	longestEvent = 4 << 10  // bytes of a line in a progress event
	tailSize     = 4 << 10  // bytes of stderr that a failure quotes
)

// sink takes the lines of a run to whoever reads them, masked, one at a time.
type sink struct {
	mu       sync.Mutex
	mask     *masker
	report   progress.Func
	observer Observer
}

// console writes one line, or several, to console.log.
func (s *sink) console(text string) {
	if s.observer == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.SplitSeq(s.mask.mask(text), "\n") {
		s.observer.Console(line)
	}
}

func (s *sink) stepped(result *Result, at Place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.observer.Stepped(result, at)
}

func (s *sink) event(e progress.Event) {
	if s.report == nil {
		return
	}
	e.Text = cut(s.mask.mask(e.Text), longestEvent)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(e)
}

// stream cuts the output of a process into lines. It holds at most one line. It is safe for several goroutines.
type stream struct {
	mu   sync.Mutex
	line func(string)
	held []byte
	tail []byte // the end of everything written, if it is kept
	keep int
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keep > 0 {
		s.tail = append(s.tail, p[max(0, len(p)-s.keep):]...)
		s.tail = s.tail[max(0, len(s.tail)-s.keep):]
	}

	rest := p
	for len(rest) > 0 {
		end := bytes.IndexByte(rest[:min(len(rest), longestLine)], '\n')
		if end < 0 {
			piece := rest[:min(len(rest), longestLine)]
			s.held, rest = append(s.held, piece...), rest[len(piece):]
			if len(s.held) >= longestLine {
				s.emit()
			}
			continue
		}
		s.held, rest = append(s.held, rest[:end]...), rest[end+1:]
		s.emit()
	}

	return len(p), nil
}

func (s *stream) emit() {
	s.line(string(bytes.TrimSuffix(s.held, []byte("\r"))))
	s.held = s.held[:0]
}

// flush emits a last line that has no newline.
func (s *stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.held) > 0 {
		s.emit()
	}
}
