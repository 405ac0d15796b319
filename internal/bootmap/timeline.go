package bootmap

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Line is a line of the console, without what only a terminal understands.
type Line struct {
	At   time.Duration // since the machine was switched on
	Text string
}

// unitsPhase is the phase in which the system's own units start, several at a time.
const unitsPhase = "units"

// marks are the lines with which phases begin, in order. Which of them a console shows depends on the image: a phase whose
// mark is missing is part of the one before.
var marks = []struct {
	phase string
	line  *regexp.Regexp
}{
	{"boot loader", regexp.MustCompile(`Welcome to GRUB|GRUB loading|BdsDxe: starting|SYSLINUX|EFI stub:`)},
	{"kernel", regexp.MustCompile(`\] Linux version |^\[ +0\.000000\]`)},
	{"initramfs", regexp.MustCompile(`Run /init as init process|systemd\[1\]: Running in initrd|Loading, please wait`)},
	{unitsPhase, regexp.MustCompile(`systemd\[1\]: systemd .* running in system mode|^Welcome to (?:[^G]|G[^R])`)},
}

// phases cuts a boot, and the first job after it.
func phases(console []Line, login, job time.Duration) []Span {
	found := []Span{{Name: "firmware"}}
	next := 0
	for _, line := range console {
		for i := next; i < len(marks) && line.At <= login; i++ {
			if !marks[i].line.MatchString(line.Text) {
				continue
			}
			found[len(found)-1].End = line.At.Seconds()
			found = append(found, Span{Name: marks[i].phase, Start: line.At.Seconds()})
			next = i + 1
			break
		}
	}
	found[len(found)-1].End = login.Seconds()

	if job > login {
		found = append(found, Span{Name: "first job", Start: login.Seconds(), End: job.Seconds()})
	}
	return found
}

// UnitName is a systemd unit as its file describes it.
type UnitName struct{ Name, Description string }

// What systemd says of a unit that begins and of one that is up, in the journal's words and on the console.
var (
	begins = regexp.MustCompile(`(?:systemd\[1\]: |^ {9})(?:Starting|Mounting|Activating swap) (.+?)\.\.\.$`)
	isUp   = regexp.MustCompile(`(?:systemd\[1\]: |^\[  OK  \] |^\[FAILED\] )(?:Started|Finished|Mounted|Activated swap|Failed to start|Failed to mount) (.+?)\.?$`)
)

// units lists the units that start until the end, and when. A unit whose beginning is not shown takes no time.
func units(console []Line, end time.Duration, names []UnitName) []Span {
	names = slices.Concat(shownWhole(console), names)
	spans := []Span{}
	open := map[string]int{}
	for _, line := range console {
		if line.At > end {
			break
		}
		if said := begins.FindStringSubmatch(line.Text); said != nil {
			name := unitNamed(said[1], names)
			if _, known := open[name]; !known {
				open[name] = len(spans)
				spans = append(spans, Span{Name: name, Start: line.At.Seconds(), End: end.Seconds()})
			}
			continue
		}

		said := isUp.FindStringSubmatch(line.Text)
		if said == nil {
			continue
		}
		if at, known := open[unitNamed(said[1], names)]; known && spans[at].End == end.Seconds() {
			spans[at].End = line.At.Seconds()
		}
	}

	return spans
}

// whole is a unit that the kernel's log shows, which shortens nothing.
var whole = regexp.MustCompile(`systemd\[1\]: (?:Starting|Mounting|Started|Finished|Mounted) (\S+) - (.+?)\.*$`)

func shownWhole(console []Line) []UnitName {
	var names []UnitName
	for _, line := range console {
		if said := whole.FindStringSubmatch(line.Text); said != nil {
			names = append(names, UnitName{said[1], said[2]})
		}
	}
	return names
}

// colour is the rest of a command to a terminal that was cut in the middle.
var colour = regexp.MustCompile(`^\[?[0-9;]*m`)

// unitNamed returns the unit of a text that systemd shows: "ssh.service - OpenBSD Secure Shell server", which may be
// shortened in the middle.
func unitNamed(text string, names []UnitName) string {
	head, tail, short := strings.Cut(text, "…")
	if !short {
		name, _, _ := strings.Cut(text, " - ")
		return name
	}

	tail = colour.ReplaceAllString(tail, "")
	at := slices.IndexFunc(names, func(n UnitName) bool {
		whole := n.Name + " - " + n.Description
		return len(whole) > len(head)+len(tail) && strings.HasPrefix(whole, head) && strings.HasSuffix(whole, tail)
	})
	if at >= 0 {
		return names[at].Name
	}
	return head + "…" + tail
}

// Recorder is a writer of a console that notes when its lines come.
type Recorder struct {
	now func() time.Time

	lock  sync.Mutex // for what follows
	rest  []byte
	begun time.Time // of rest
	lines []stamped
}

type stamped struct {
	at   time.Time
	text string
}

// NewRecorder returns a recorder that asks now for the time.
func NewRecorder(now func() time.Time) *Recorder { return &Recorder{now: now} }

// escapes are what a terminal obeys and does not show.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()][A-Za-z0-9]|\x1b[a-zA-Z78=>]|[\x00-\x08\x0b-\x1f\x7f]`)

// mostLines bounds what a console can make us keep.
const mostLines = 1 << 17

func (r *Recorder) Write(p []byte) (int, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	size := len(p)
	for len(p) > 0 {
		if len(r.rest) < mostUnseen && len(visible(r.rest)) == 0 {
			r.begun = r.now() // a terminal was told to clear its screen long before
		}
		line, rest, found := bytes.Cut(p, []byte("\n"))
		r.rest = append(r.rest, line...)
		if !found {
			break
		}
		r.keep()
		p = rest
	}
	if len(r.rest) > 64<<10 {
		r.keep()
	}

	return size, nil
}

// mostUnseen is how much a line may have before its first visible character, in bytes.
const mostUnseen = 512

// visible is what a terminal shows of a line.
func visible(line []byte) []byte { return bytes.TrimRight(escapes.ReplaceAll(line, nil), " ") }

func (r *Recorder) keep() {
	text := string(visible(r.rest))
	r.rest = r.rest[:0]
	if text != "" && len(r.lines) < mostLines {
		r.lines = append(r.lines, stamped{r.begun, text})
	}
}

// Lines returns the lines since a moment, as times since then. A line without an end is among them.
func (r *Recorder) Lines(since time.Time) []Line {
	r.lock.Lock()
	defer r.lock.Unlock()
	all := r.lines
	if text := string(visible(r.rest)); text != "" {
		all = append(slices.Clone(all), stamped{r.begun, text}) // more of it may come
	}

	var lines []Line
	for _, one := range all {
		if !one.at.Before(since) {
			lines = append(lines, Line{one.at.Sub(since), one.text})
		}
	}
	return lines
}
