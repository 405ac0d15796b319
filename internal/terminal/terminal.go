// Package terminal shows people what the program does: progress as it happens, tables and text in the end.
//
// These rules hold for all that the program prints:
//
//   - Results alone go to stdout: an ID, a list, one JSON object with --json. All else goes to stderr.
//   - With --json nothing is printed on the way. On a terminal the present state is redrawn in place and what is
//     finished scrolls away above it. Otherwise there is one line for each thing that happens, to be read in a log:
//     no timestamps (the log keeper adds them), no colours, no cursor movements.
//   - Colour repeats what the words say and never says it alone. NO_COLOR (https://no-color.org) turns it off, and
//     TERM=dumb turns off everything but lines.
//   - What a step prints is shown without its control characters: a script in an image must not be able to move the
//     cursor, retitle the window or write to the clipboard of the person who bakes it. The log keeps its bytes.
//   - Sentences are lower-case and without a full stop. Durations read 12ms, 1.2s and 2m03s, sizes 1.5 GiB.
//   - Errors come last, once: "image-builder: error: …" and, if there is a next action, "image-builder: hint: …".
//
// It decides nothing and never fails a command: a terminal that went away is left alone.
package terminal

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"image-builder/internal/progress"
)

// Watcher shows what is happening. Satisfied by Silent and by what New returns.
type Watcher interface {
	// Report shows one event; it may be called from any goroutine.
	Report(progress.Event)
	// Close shows what is still to be shown and leaves the terminal as it was. It may be called more than once.
	Close()
}

// New returns a watcher that prints on out: a display that is redrawn in place if out is a terminal to be used as one,
// else a line for each event. Close it before you print anything else.
func New(out io.Writer, redraw bool, now func() time.Time) Watcher {
	if redraw {
		return newLive(out, newScreen(now, Paint{on: coloured()}), func() (int, int) { return Window(out) })
	}
	return &plain{out: out}
}

// Silent shows nothing.
type Silent struct{}

// Report drops the event.
func (Silent) Report(progress.Event) {}

// Close has nothing to finish.
func (Silent) Close() {}

// Is reports whether w is a terminal that understands more than lines of text.
func Is(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// Window returns the present size of the terminal, or 80 by 24 if w does not have one. Ask again for each drawing:
// windows are resized.
func Window(w io.Writer) (columns, rows int) {
	if file, ok := w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return 80, 24
}
