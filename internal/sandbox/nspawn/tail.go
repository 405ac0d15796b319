package nspawn

import (
	"io"
	"sync"
)

// tailSize is enough for what nspawn says before it gives up.
const tailSize = 2048 // bytes

// tail passes on what is written to it and remembers the end.
type tail struct {
	next io.Writer
	lock sync.Mutex
	last []byte
}

func newTail(next io.Writer) *tail {
	if next == nil {
		next = io.Discard
	}
	return &tail{next: next}
}

func (t *tail) Write(p []byte) (int, error) {
	t.lock.Lock()
	t.last = append(t.last, p...)
	if excess := len(t.last) - tailSize; excess > 0 {
		t.last = append(t.last[:0], t.last[excess:]...)
	}
	t.lock.Unlock()
	return t.next.Write(p)
}

func (t *tail) String() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	return string(t.last)
}

// oneWriter reports whether two writers are one; writers that cannot be compared are not.
func oneWriter(a, b io.Writer) bool {
	defer func() { _ = recover() }()
	return a != nil && a == b
}
