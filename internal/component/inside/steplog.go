package inside

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/secret"
)

const (
	// tailLines is how many of a step's last lines an error shows.
	tailLines = 20
	// shownLine is how many bytes of a line the screen and an error show. The log has the whole line.
	shownLine = 4 << 10
	// logLimit bounds the log of one step, in bytes. It shares the disk with the images.
	logLimit = 64 << 20
)

// tail keeps the last lines written to it.
type tail struct {
	mask  func(string) string
	last  []string
	begun string // a line that has not ended yet
	// overlong says that begun became too long and the rest of that line is skipped.
	overlong bool
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
		if !t.overlong {
			t.add(line)
		}
		t.overlong = false
	}

	t.begun = lines[len(lines)-1]
	if len(t.begun) > maxLine { // a part of it could be a part of a secret
		t.begun = ""
		if !t.overlong {
			t.add(overlongLine)
		}
		t.overlong = true
	}

	if t.overlong {
		t.begun = ""
	}

	return len(p), nil
}

// overlongLine stands for a line of more than maxLine bytes that no step printed.
const overlongLine = "(a line of more than 1 MiB)"

func (t *tail) lines() []string { return append([]string(nil), t.last...) }

func (t *tail) String() string {
	if t.begun != "" {
		t.add(t.begun)
		t.begun = ""
	}
	return strings.Join(t.last, "\n")
}

// stepLog is the log of one step: a file with all of its output, and its last lines in memory.
type stepLog struct {
	tail
	step  image.Step // its Log is empty until there is something to log
	path  string
	file  *os.File // nil while closed
	limit int64    // bytes that the file may have
	// size is the file's length; omitted is how much output it lacks. Both in bytes.
	size, omitted int64
	open          string               // the stream whose line is open in the file; "" at the beginning of a line
	long          map[string]*longLine // stream → a line that comes in pieces
}

// longLine is a line that comes in pieces.
type longLine struct {
	masker *secret.Masker
	begin  string // as much of it as is shown
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
	return &stepLog{step: image.Step{Step: step}, path: path, limit: logLimit, long: map[string]*longLine{}}
}

// output masks a step's line, or a piece of one, before anything cuts it. It returns the text to show once the line
// is complete.
func (l *stepLog) output(event progress.Event, secrets *secret.Set) (shown string, whole bool) {
	line := l.long[event.Stream]
	if line == nil && !event.More {
		text := secrets.Mask(event.Text)
		l.write(event.Stream, text, true)
		l.add(shorten(text))
		return shorten(text), true
	}

	if line == nil {
		line = &longLine{masker: secrets.Masker()}
		l.long[event.Stream] = line
	}

	text := line.masker.Next(event.Text)
	if !event.More {
		text += line.masker.End()
	}

	l.write(event.Stream, text, !event.More)
	line.begin = shorten(line.begin + text[:min(len(text), shownLine)])

	if event.More {
		return "", false
	}

	delete(l.long, event.Stream)
	l.add(line.begin)
	return line.begin, true
}

// write appends to the file, up to the limit. Between the pieces of a line, another stream's line starts on a line of
// its own.
func (l *stepLog) write(stream, text string, end bool) {
	if l.open != "" && l.open != stream {
		text = "\n" + text
	}

	l.open = stream
	if end {
		text += "\n"
		l.open = ""
	}

	switch {
	case l.omitted > 0:
		l.omitted += int64(len(text))
	case l.size+int64(len(text)) > l.limit:
		l.omitted = int64(len(text))
		l.append(fmt.Sprintf("\n[image-builder: this log has %d MiB. What the step prints from here on is left out, except the last lines: "+
			"let it print less, or redirect its output to a file.]\n", l.size>>20))
	default:
		l.append(text)
	}
}

func (l *stepLog) append(text string) {
	if l.file == nil {
		// Failing to open only loses the log: the bake itself, and its last lines, do not depend on it.
		l.file, _ = os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	}
	if l.file != nil {
		l.step.Log = l.path
		l.size += int64(len(text))
		_, _ = l.file.WriteString(text)
	}
}

// close closes the file; the step may continue after a reboot, or in another iteration of a loop.
func (l *stepLog) close() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}

// finish ends the log. It writes the held parts of unfinished lines and, if the file does not have all of the output,
// the last lines.
func (l *stepLog) finish() {
	for _, stream := range slices.Sorted(maps.Keys(l.long)) {
		line := l.long[stream]
		text := line.masker.End()
		l.write(stream, text, true)
		l.add(shorten(line.begin + text[:min(len(text), shownLine)]))
	}

	clear(l.long)

	if l.omitted > 0 {
		l.append(fmt.Sprintf("[image-builder: %d bytes are left out. The last lines:]\n%s\n", l.omitted, strings.Join(l.last, "\n")))
	}

	l.close()
}

// shorten cuts a masked text to the shown length of a line.
func shorten(text string) string {
	if len(text) <= shownLine {
		return text
	}

	end := shownLine
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
