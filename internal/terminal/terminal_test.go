package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"image-builder/internal/progress"
)

func TestHarmless(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ in, want string }{
		"plain":                   {"Cloning into 'x'...", "Cloning into 'x'..."},
		"letters":                 {"größer, 日本語, 🚀", "größer, 日本語, 🚀"},
		"colours":                 {"\x1b[1;31mred\x1b[0m", "red"},
		"cursor":                  {"a\x1b[2J\x1b[10Ab\x1b[?25l", "ab"},
		"title and clipboard":     {"a\x1b]0;owned\x07b\x1b]52;c;cm0gLXJm\x1b\\c", "abc"},
		"a sequence cut off":      {"a\x1b]0;owned", "a"},
		"a sequence in eight bit": {"a\u009b31mb", "a31mb"},
		"bell, backspace, zero":   {"a\a\b\x00b", "ab"},
		"overwritten":             {"10%\r50%\r100%", "100%"},
		"a line of DOS":           {"done\r\n", "done"},
		"tabs":                    {"a\tbc\td", "a       bc      d"},
		"right to left override":  {"safe\u202etxt.exe", "safetxt.exe"},
		"line separators":         {"a\u2028b\u2029c\u0085d", "abcd"},
		"not UTF-8":               {"a\xff\xfeb", "ab"},
		"a hyperlink":             {"\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Harmless(test.in); got != test.want {
				t.Errorf("Harmless(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

// FuzzHarmless looks for anything that could still act on a terminal.
func FuzzHarmless(f *testing.F) {
	f.Add("a\x1b[31m\tb\r\x9b0m")
	f.Add("\u202e\x1b]0;t\x07\xff")
	f.Fuzz(func(t *testing.T, line string) {
		for _, r := range Harmless(line) {
			if r < ' ' || (r >= 0x7f && r < 0xa0) || r == '\u202e' || r == '\u2028' {
				t.Fatalf("Harmless(%q) holds %U", line, r)
			}
		}
	})
}

func TestTook(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		duration time.Duration
		want     string
	}{
		{0, "0ms"},
		{99 * time.Millisecond, "99ms"},
		{100 * time.Millisecond, "0.1s"},
		{1249 * time.Millisecond, "1.2s"},
		{59 * time.Second, "59.0s"},
		{60 * time.Second, "1m00s"},
		{123 * time.Second, "2m03s"},
		{time.Hour + 2*time.Minute + 59*time.Second, "1h02m"},
	} {
		if got := Took(test.duration); got != test.want {
			t.Errorf("Took(%s) = %s, want %s", test.duration, got, test.want)
		}
	}
}

// story is a bake as events: a clone with bytes, a step with output, a failed step.
func story() []progress.Event {
	download := step("Download")
	run := step("Run")

	return []progress.Event{
		{Kind: progress.StageStarted, Stage: "clone"},
		{Kind: progress.Bytes, Stage: "clone", Done: 512 << 20, Total: 1 << 30},
		{Kind: progress.Bytes, Stage: "clone", Done: 1 << 30, Total: 1 << 30},
		{Kind: progress.StageDone, Stage: "clone", Elapsed: 400 * time.Millisecond},
		{Kind: progress.StageStarted, Stage: "build"},
		{Kind: progress.StepStarted, Step: download},
		{Kind: progress.StepDone, Step: download, Status: progress.Success, Elapsed: 1200 * time.Millisecond},
		{Kind: progress.Note, Text: "the script has no set -e"},
		{Kind: progress.StepStarted, Step: run},
		{Kind: progress.StepOutput, Step: run, Stream: "stdout", Text: "+ git clone\x1b[2J"},
		{Kind: progress.StepOutput, Step: run, Stream: "stderr", Text: "fatal: no route"},
		{Kind: progress.StepDone, Step: run, Status: progress.Failed, Elapsed: 83 * time.Second, Text: "exit status 128"},
		{Kind: progress.StageDone, Stage: "build", Elapsed: 85 * time.Second},
	}
}

func step(name string) *progress.Step {
	return &progress.Step{Document: "/components/bootstrap.yml", Phase: "build", Name: name, Attempt: 1, Iteration: -1}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printer := &plain{out: &out}
	for _, event := range story() {
		printer.Report(event)
	}

	printer.Report(progress.Event{Kind: progress.StepOutput, Step: step("Boot"), Text: "[    0.000000] Linux version 6.1", Fleeting: true})
	printer.Close()

	want := `clone: started
clone: 50% of 1.0 GiB
clone: 100% of 1.0 GiB
clone: ended after 0.4s
build: started
bootstrap/build/Download: started
bootstrap/build/Download: success after 1.2s
note: the script has no set -e
bootstrap/build/Run: started
  | + git clone
  | fatal: no route
bootstrap/build/Run: failed after 1m23s: exit status 128
build: ended after 1m25s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// Each event of the story leads to these finished lines and this frame, one second apart.
func TestScreen(t *testing.T) {
	t.Parallel()
	now := noon()
	screen := newScreen(func() time.Time { return now }, Paint{})

	var told strings.Builder
	for _, event := range story() {
		now = now.Add(time.Second)
		for _, line := range screen.apply(event) {
			told.WriteString("= " + line + "\n")
		}
		for _, line := range screen.frame(70, 24) {
			told.WriteString("| " + line + "\n")
		}
		told.WriteString("\n")
		screen.frames = 0
	}

	want := `| ⠋ clone  0ms

| ⠋ clone  1.0s  ━━━━━━━───────  50%  512 MiB of 1.0 GiB  512 MiB/s

| ⠋ clone  2.0s  ━━━━━━━━━━━━━━ 100%  1.0 GiB of 1.0 GiB  512 MiB/s

= • clone  0.4s

| ⠋ build  0ms

| ⠋ build  1.0s
|   ⠋ bootstrap/build/Download  0ms

= ✓ bootstrap/build/Download  1.2s
| ⠋ build  2.0s

= note: the script has no set -e
| ⠋ build  3.0s

| ⠋ build  4.0s
|   ⠋ bootstrap/build/Run  0ms

| ⠋ build  5.0s
|   ⠋ bootstrap/build/Run  1.0s
|     │ + git clone

| ⠋ build  6.0s
|   ⠋ bootstrap/build/Run  2.0s
|     │ + git clone
|     │ fatal: no route

= ✗ bootstrap/build/Run  1m23s  failed: exit status 128
=     │ + git clone
=     │ fatal: no route
| ⠋ build  7.0s

= • build  1m25s

`
	if diff := cmp.Diff(want, told.String()); diff != "" {
		t.Error(diff)
	}
}

// No line may reach the last column, or the terminal would break it and the redrawing would be off by a row.
func TestFrameFitsTheWindow(t *testing.T) {
	t.Parallel()
	screen := newScreen(noon, Paint{on: true})
	for _, event := range story()[:11] {
		screen.apply(event)
	}

	for range 50 {
		screen.apply(progress.Event{Kind: progress.StepOutput, Step: step("Run"), Text: strings.Repeat("日本語🚀", 40)})
	}

	for _, window := range [][2]int{{200, 50}, {80, 24}, {40, 4}, {12, 3}, {2, 2}} {
		lines := screen.frame(window[0], window[1])
		if len(lines) >= window[1] {
			t.Errorf("%d lines in a window of %v", len(lines), window)
		}
		for _, line := range lines {
			if width := ansi.StringWidth(line); width >= window[0] {
				t.Errorf("a line takes %d of %d columns: %q", width, window[0], line)
			}
		}
	}
}

// live writes only text, colours, and the few sequences that redraw, and leaves the cursor visible.
func TestLiveLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	display := &live{out: &out, screen: newScreen(noon, Paint{}), size: func() (int, int) { return 60, 24 }, stop: make(chan struct{})}
	for _, event := range story() {
		display.Report(event)
		display.draw(display.screen.frame(60, 24), ansi.HideCursor)
	}

	display.Close()
	display.Close()

	text := out.String()
	if !strings.HasSuffix(text, ansi.EraseScreenBelow+ansi.ResetModeSynchronizedOutput) || strings.LastIndex(text, ansi.ShowCursor) < strings.LastIndex(text, ansi.HideCursor) {
		t.Errorf("the end is %q", text[len(text)-40:])
	}

	for _, sequence := range []string{ansi.SetModeSynchronizedOutput, ansi.ResetModeSynchronizedOutput, ansi.HideCursor, ansi.ShowCursor, ansi.EraseLineRight, ansi.EraseScreenBelow, ansi.CursorUp(1), ansi.CursorUp(2), ansi.CursorUp(3), ansi.CursorUp(4)} {
		text = strings.ReplaceAll(text, sequence, "")
	}

	if strings.Contains(text, "\x1b") {
		t.Errorf("other escape sequences: %q", text)
	}
}

func TestOccupied(t *testing.T) {
	t.Parallel()
	lines := []string{"", strings.Repeat("x", 59), strings.Repeat("x", 20)}
	for columns, want := range map[int]int{60: 3, 59: 3, 30: 4, 10: 9} {
		if got := occupied(lines, columns); got != want {
			t.Errorf("in %d columns, %d rows, want %d", columns, got, want)
		}
	}
}

func TestPrettyTable(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"img-1", "日本"}, {"img-22", "x"}}
	want := "ID      NAME\nimg-1   日本\nimg-22  x\n"
	if diff := cmp.Diff(want, prettyTable([]string{"ID", "NAME"}, rows, Paint{})); diff != "" {
		t.Error(diff)
	}
	if coloured := prettyTable([]string{"ID", "NAME"}, rows, Paint{on: true}); ansi.Strip(coloured) != want || coloured == want {
		t.Errorf("in colour: %q", coloured)
	}
}

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func TestBytesOverANetwork(t *testing.T) {
	t.Parallel()
	moved := progress.Event{
		Kind: progress.Bytes, Stage: "upload", Done: 256 << 20, Total: 1 << 30, Rate: 20 << 20, Retries: 3, Left: 38 * time.Second,
	}
	var lines strings.Builder
	New(&lines, false, time.Now).Report(moved)
	if want := "upload: 25% of 1.0 GiB  20 MiB/s  3 retried  38.0s left\n"; lines.String() != want {
		t.Errorf("got %q, want %q", lines.String(), want)
	}

	s := newScreen(time.Now, Paint{})
	s.apply(progress.Event{Kind: progress.StageStarted, Stage: "upload"})
	s.apply(moved)
	if got := strings.Join(s.frame(200, 10), "\n"); !strings.Contains(got, "256 MiB of 1.0 GiB  20 MiB/s  3 retried  38.0s left") {
		t.Errorf("got %q", got)
	}
}
