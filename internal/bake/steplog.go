package bake

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"image-builder/internal/image"
	"image-builder/internal/progress"
)

// tailLines is how many of a step's last lines an error shows.
const tailLines = 20

// tail keeps the last lines that were written to it.
type tail struct {
	mask  func(string) string
	last  []string
	begun string // a line whose end has not come yet
}

func (t *tail) add(line string) {
	if t.mask != nil {
		line = t.mask(line)
	}
	if len(t.last) == tailLines {
		t.last = t.last[1:]
	}
	t.last = append(t.last, line)
}

// Write makes a tail the standard error of a machine.
func (t *tail) Write(p []byte) (int, error) {
	lines := strings.Split(t.begun+string(p), "\n")
	for _, line := range lines[:len(lines)-1] {
		t.add(line)
	}
	t.begun = lines[len(lines)-1]
	if len(t.begun) > maxLine {
		t.begun = ""
	}
	return len(p), nil
}

func (t *tail) lines() []string { return append([]string(nil), t.last...) }

func (t *tail) String() string {
	if t.begun != "" {
		t.add(t.begun)
		t.begun = ""
	}
	return strings.Join(t.last, "\n")
}

// stepLog is the log of one step: a file with all of its output, and its last lines at hand.
type stepLog struct {
	tail
	step image.Step // its Log is empty until there is something to log
	path string
	file *os.File // nil while closed
}

func newStepLog(dir string, number int, step progress.Step) *stepLog {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._", r) {
			return r
		}
		return '-'
	}, step.Name)
	if len(name) > 60 {
		name = name[:60]
	}

	path := filepath.Join(dir, fmt.Sprintf("%02d-%s.log", number, name))
	return &stepLog{step: image.Step{Step: step}, path: path}
}

func (l *stepLog) add(line string) {
	l.tail.add(line)
	if l.file == nil {
		// Failing to open only loses the log: the bake itself, and its last lines, do not depend on it.
		l.file, _ = os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	}
	if l.file != nil {
		l.step.Log = l.path
		_, _ = l.file.WriteString(line + "\n")
	}
}

func (l *stepLog) close() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}
