package cli

// The rules of what the program prints while it works:
//
//   - Results alone go to stdout: an ID, a list, one JSON object with --json. All else goes to stderr.
//   - With --json nothing is printed on the way. On a terminal the present state is redrawn in place and what is
//     finished scrolls away above it. Otherwise there is one line for each thing that happens, to be read in a log:
//     no timestamps (whoever keeps logs adds them), no colours, no cursor movements.
//   - Colour repeats what the words say and never says it alone. NO_COLOR (https://no-color.org) turns it off, and
//     TERM=dumb turns off everything but lines.
//   - What a step prints is shown without its control characters: a script in an image must not be able to move the
//     cursor, retitle the window or write to the clipboard of whoever bakes it. The log keeps its bytes.
//   - Sentences are lower-case and without a full stop. Durations read 12ms, 1.2s and 2m03s, sizes 1.5 GiB.
//   - Errors come last, once, from fail: "image-builder: error: …" and, if there is a next action, "image-builder: hint: …".

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"image-builder/internal/progress"
)

// watcher shows what is happening. Satisfied by silent, *plain and *live.
type watcher interface {
	// Report shows one event; it may be called from any goroutine.
	Report(progress.Event)
	// Close shows what is still to be shown and leaves the terminal as it was. It may be called more than once.
	Close()
}

// newWatcher chooses how to show progress. Whoever calls it closes it before printing anything else.
func newWatcher(env *Env) watcher {
	switch {
	case env.JSON:
		return silent{}
	case env.Terminal:
		return newLive(env.Stderr, newScreen(env.Now, newPaint()), terminalSize(env.Stderr))
	}
	return &plain{out: env.Stderr}
}

// silent shows nothing.
type silent struct{}

func (silent) Report(progress.Event) {}
func (silent) Close()                {}

// terminalSize returns the function that asks for the size in columns and rows, anew each time: windows are resized.
func terminalSize(w io.Writer) func() (columns, rows int) {
	return func() (int, int) {
		if file, ok := w.(*os.File); ok {
			if columns, rows, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 && rows > 0 {
				return columns, rows
			}
		}
		return 80, 24
	}
}

// tabWidth is how far apart terminals put tab stops.
const tabWidth = 8

// harmless makes one line of foreign text safe to print: escape sequences and control characters are gone, so are
// the characters that reverse the direction of text, and tabs are blanks. Of a line that overwrites itself with
// carriage returns, as progress displays do, the last version is left.
func harmless(line string) string {
	line = strings.TrimRight(line, "\r\n")
	if isPlain(line) {
		return line
	}
	line = line[strings.LastIndexByte(line, '\r')+1:]
	line = strings.ToValidUTF8(ansi.Strip(line), "\uFFFD")

	var text []rune
	for _, r := range line {
		switch {
		case r == '\t':
			text = append(text, []rune(strings.Repeat(" ", tabWidth-len(text)%tabWidth))...)
		case unicode.IsGraphic(r) && !unicode.Is(unicode.Zl, r) && !unicode.Is(unicode.Zp, r):
			text = append(text, r)
		}
	}

	return string(text)
}

func isPlain(line string) bool {
	for i := range len(line) {
		if line[i] < ' ' || line[i] > '~' {
			return false
		}
	}
	return true
}

// label names a step for people: the document, the phase, the step, and which turn of a loop or attempt it is.
func label(step progress.Step) string {
	document := strings.TrimSuffix(filepath.Base(step.Document), filepath.Ext(step.Document))
	text := harmless(strings.Join([]string{document, step.Phase, step.Name}, "/"))
	if step.Iteration >= 0 {
		text += fmt.Sprintf(" #%d", step.Iteration+1)
	}
	if step.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", step.Attempt)
	}
	return text
}

// took writes a duration the way people read it: 12ms, 1.2s, 2m03s, 1h02m.
func took(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
