package component

import (
	"bytes"
	"strings"
	"sync"

	"image-builder/internal/progress"
)

const (
	longestPiece = 64 << 10 // bytes; a longer line is passed on in pieces
	longestText  = 64 << 10 // bytes of a message in a progress event: the receiver masks it before it shows less of it
	tailSize     = 4 << 10  // bytes of stderr that a failure quotes
	tailKept     = tailSize + longestPiece
)

// sink passes the lines of a run to the reader, masked, one at a time.
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
	for line := range strings.SplitSeq(s.mask.hide(text), "\n") {
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
	e.Text = s.mask.hide(e.Text)
	if e.Kind != progress.StepOutput {
		e.Text = cut(e.Text, longestText)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(e)
}

// stream passes a process's output on line by line, a long line in pieces. It holds at most two pieces. It is safe
// for several goroutines.
type stream struct {
	mu   sync.Mutex
	mask *masker                      // says where a line may be cut
	line func(text string, more bool) // more: the line continues
	held []byte
	tail []byte // the end of all output, if it is kept
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
		piece := rest[:min(len(rest), longestPiece)]
		end := bytes.IndexByte(piece, '\n')
		if end >= 0 {
			s.held = append(s.held, piece[:end]...)
			rest = rest[end+1:]
			s.emit()
			continue
		}

		s.held = append(s.held, piece...)
		rest = rest[len(piece):]
		s.pass()
	}

	return len(p), nil
}

// pass passes the beginning of a long line on. It cuts where no secret lies: the held part is long enough to tell.
func (s *stream) pass() {
	for len(s.held) >= 2*longestPiece {
		end := s.mask.boundary(s.held, longestPiece)
		if end == 0 { // only secrets, over and over
			end = longestPiece
		}
		s.line(string(s.held[:end]), true)
		s.held = append(s.held[:0], s.held[end:]...)
	}
}

func (s *stream) emit() {
	s.line(string(bytes.TrimSuffix(s.held, []byte("\r"))), false)
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

// end returns the last bytes of the output. It masks them before it cuts them to the length that a failure quotes.
func (s *stream) end() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := s.mask.boundary(s.tail, max(0, len(s.tail)-tailSize))
	return s.mask.hide(string(bytes.ToValidUTF8(bytes.TrimSpace(s.tail[start:]), nil)))
}
