package terminal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"image-builder/internal/progress"
)

// How many of a step's last lines are shown: while it runs, and after it failed.
const (
	tailRunning = 5
	tailFailed  = 12
)

// maxTailLine bounds the kept part of a line, in bytes; terminals show less.
const maxTailLine = 4096

// screen is the state of a live terminal: running activities, and finished lines. It draws nothing.
type screen struct {
	now    func() time.Time
	paint  Paint
	stages []*stage
	steps  []*activity
	frames int // drawn so far, which turns the wheel
}

// stage is a running stage.
type stage struct {
	name        string
	since       time.Time
	done, total int64 // bytes moved; 0 if none move
	network     string
}

// activity is a running step.
type activity struct {
	step  progress.Step
	since time.Time
	tail  []string // its last lines as they came
}

func newScreen(now func() time.Time, paint Paint) *screen { return &screen{now: now, paint: paint} }

// apply handles an event and returns the lines that it finishes.
func (s *screen) apply(e progress.Event) []string {
	switch e.Kind {
	case progress.StageStarted:
		s.stages = append(s.stages, &stage{name: e.Stage, since: s.now()})
	case progress.StageDone:
		return s.endStage(e)
	case progress.Bytes:
		s.move(e)
	case progress.Note:
		return []string{s.paint.Bold("note: ") + Harmless(e.Text)}
	}

	if e.Step == nil {
		return nil
	}

	switch e.Kind {
	case progress.StepStarted:
		s.steps = append(s.steps, &activity{step: *e.Step, since: s.now()})
	case progress.StepOutput:
		s.printed(*e.Step, e.Text)
	case progress.StepDone:
		return s.endStep(e)
	}

	return nil
}

// endStage does not claim success: a stage may end in an error.
func (s *screen) endStage(e progress.Event) []string {
	s.stages = slices.DeleteFunc(s.stages, func(one *stage) bool { return one.name == e.Stage })
	return []string{"• " + Harmless(e.Stage) + s.paint.Faint("  "+Took(e.Elapsed))}
}

func (s *screen) move(e progress.Event) {
	for _, one := range s.stages {
		if one.name == e.Stage {
			one.done = e.Done
			one.total = e.Total
			one.network = network(e)
		}
	}
}

func (s *screen) find(step progress.Step) int {
	return slices.IndexFunc(s.steps, func(one *activity) bool { return one.step == step })
}

func (s *screen) printed(step progress.Step, line string) {
	if at := s.find(step); at >= 0 {
		one := s.steps[at]
		one.tail = append(one.tail, line[:min(len(line), maxTailLine)])
		one.tail = one.tail[max(0, len(one.tail)-tailFailed):]
	}
}

// endStep leaves one line for a step, and the last output of a failed one.
func (s *screen) endStep(e progress.Event) []string {
	var tail []string
	if at := s.find(*e.Step); at >= 0 {
		tail = s.steps[at].tail
		s.steps = slices.Delete(s.steps, at, at+1)
	}

	line := s.mark(e.Status) + " " + Label(*e.Step) + s.paint.Faint("  "+Took(e.Elapsed))
	if e.Status == progress.Success {
		return []string{line}
	}
	line += "  " + string(e.Status)

	if why := Harmless(e.Text); why != "" {
		line += ": " + why
	}

	if e.Status != progress.Failed {
		return []string{line}
	}
	return append([]string{line}, s.quote(tail)...)
}

func (s *screen) mark(status progress.Status) string {
	switch status {
	case progress.Success:
		return s.paint.Green("✓")
	case progress.Failed:
		return s.paint.Red("✗")
	case progress.IgnoredFailure:
		return s.paint.Red("!")
	case progress.Rebooting:
		return "↻"
	}

	return s.paint.Faint("–")
}

func (s *screen) quote(lines []string) []string {
	var quoted []string
	for _, line := range lines {
		quoted = append(quoted, s.paint.Faint("    │ ")+Harmless(line))
	}
	return quoted
}

// frame returns the lines for running activities, each narrower than columns, fewer than rows.
func (s *screen) frame(columns, rows int) []string {
	wheel := s.paint.Bold(string([]rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[s.frames%10]))
	s.frames++

	var lines []string
	for _, one := range s.stages {
		lines = append(lines, wheel+" "+Harmless(one.name)+"  "+Took(s.now().Sub(one.since))+s.bytes(one, columns))
	}

	for _, one := range s.steps {
		lines = append(lines, "  "+wheel+" "+Label(one.step)+"  "+Took(s.now().Sub(one.since)))
		lines = append(lines, s.quote(one.tail[max(0, len(one.tail)-tailRunning):])...)
	}

	lines = lines[max(0, len(lines)-rows+1):]
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], columns-1, "…")
	}

	return lines
}

// bytes is the progress bar of a stage, with the mean rate since the stage began.
func (s *screen) bytes(one *stage, columns int) string {
	if one.done <= 0 {
		return ""
	}
	text := "  " + Size(one.done)

	if one.total > 0 {
		text = fmt.Sprintf("  %s %3d%%  %s of %s", s.bar(one, columns), 100*one.done/one.total, Size(one.done), Size(one.total))
	}

	if one.network != "" {
		return text + one.network
	}

	if seconds := s.now().Sub(one.since).Seconds(); seconds >= 1 {
		text += "  " + Size(int64(float64(one.done)/seconds)) + "/s"
	}

	return text
}

// network says how bytes move over a network: the present rate, the calls that were made again, the time that is left.
func network(e progress.Event) string {
	text := ""
	if e.Rate > 0 {
		text += "  " + Size(int64(e.Rate)) + "/s"
	}

	if e.Retries > 0 {
		text += "  " + fmt.Sprint(e.Retries) + " retried"
	}

	if e.Left > 0 {
		text += "  " + Took(e.Left) + " left"
	}

	return text
}

func (s *screen) bar(one *stage, columns int) string {
	width := min(30, columns/5)
	full := int(min(one.done, one.total) * int64(width) / one.total)
	return s.paint.Green(strings.Repeat("━", full)) + s.paint.Faint(strings.Repeat("─", width-full))
}
