package terminal

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"image-builder/internal/progress"
)

// tabWidth is the distance of terminals' tab stops.
const tabWidth = 8

// Harmless makes one line of foreign text safe to print: it removes escape sequences, control characters and
// characters that reverse the direction of text, and turns tabs into blanks. From a line that overwrites itself with
// carriage returns, as progress displays do, it keeps the last version.
func Harmless(line string) string {
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

// Label names a step for people: the document, the phase, the step, and the loop's iteration or the attempt.
func Label(step progress.Step) string {
	document := strings.TrimSuffix(filepath.Base(step.Document), filepath.Ext(step.Document))
	text := Harmless(strings.Join([]string{document, step.Phase, step.Name}, "/"))
	if step.Iteration >= 0 {
		text += fmt.Sprintf(" #%d", step.Iteration+1)
	}
	if step.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", step.Attempt)
	}
	return text
}

// Took writes a duration for people: 12ms, 1.2s, 2m03s, 1h02m.
func Took(d time.Duration) string {
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

// Size writes bytes for people: 1.5 GiB.
func Size(bytes int64) string { return humanize.IBytes(uint64(max(0, bytes))) }
