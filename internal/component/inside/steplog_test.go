package inside

import (
	"os"
	"strings"
	"testing"

	"image-builder/internal/progress"
)

// piece is a piece of a line that a step prints.
func piece(step *progress.Step, stream, text string, more bool) progress.Event {
	return progress.Event{Kind: progress.StepOutput, Step: step, Stream: stream, Text: text, More: more}
}

// A secret is masked in log, screen and error anywhere in a line, also where the line comes in pieces, and beyond
// what the screen shows.
func TestLongLinesAreWholeAndMasked(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, shownLine - len(token), shownLine - 5, shownLine - 1, shownLine, 64<<10 - 7} {
		text := strings.Repeat("x", before) + token + strings.Repeat("y", 5000) + token
		for name, pieces := range map[string][]string{
			"one piece":     {text},
			"two pieces":    {text[:before+9], text[before+9:]},
			"three pieces":  {text[:before+3], text[before+3 : before+7], text[before+7:]},
			"an empty rest": {text, ""},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				j, seen := testJournal(t)
				for i, one := range pieces {
					j.tell(t, piece(run("Long"), "stdout", one, i < len(pieces)-1))
				}

				steps, _ := j.close(nil)

				log, err := os.ReadFile(steps[0].Log)
				if want := strings.ReplaceAll(text, token, "***") + "\n"; err != nil || string(log) != want {
					t.Errorf("the log has %d bytes, want %d (%v)", len(log), len(want), err)
				}
				if len(*seen) != 1 || len((*seen)[0].Text) > shownLine || strings.Contains((*seen)[0].Text, token[:6]) {
					t.Errorf("%d events, the first %.60q", len(*seen), (*seen)[0].Text)
				}
			})
		}
	}
}

func TestLinesOfTwoStreamsStayApart(t *testing.T) {
	t.Parallel()
	j, _ := testJournal(t)
	j.tell(t,
		piece(run("Both"), "stdout", "one ", true),
		piece(run("Both"), "stderr", "warning", false),
		piece(run("Both"), "stdout", "line", false),
		piece(run("Both"), "stdout", "without an end "+token, true),
	)

	steps, _ := j.close(nil)

	log, err := os.ReadFile(steps[0].Log)
	if want := "\nwarning\none line\nwithout an end ***\n"; err != nil || string(log) != want {
		t.Errorf("the log is %q, want %q (%v)", log, want, err)
	}
}

func TestLogHasALimit(t *testing.T) {
	t.Parallel()
	j, _ := testJournal(t)
	j.tell(t, piece(run("Loud"), "stdout", "begin", false))

	j.steps[0].limit = 100
	for range 1000 {
		j.tell(t, piece(run("Loud"), "stdout", "again and again", false))
	}

	j.tell(t, piece(run("Loud"), "stdout", "the end", false))
	steps, _ := j.close(nil)

	log, err := os.ReadFile(steps[0].Log)
	if err != nil {
		t.Fatal(err)
	}
	text := string(log)
	if len(text) > 1000 || !strings.HasPrefix(text, "begin\nagain") || !strings.HasSuffix(text, "the end\n") {
		t.Errorf("the log has %d bytes: %s", len(text), text)
	}

	for _, notice := range []string{"is left out, except the last lines", "bytes are left out. The last lines:"} {
		if strings.Count(text, notice) != 1 {
			t.Errorf("the log does not say once that it %q: %s", notice, text)
		}
	}
}

// Output of the machine itself is not shown in parts: a part of a line can be a part of a secret.
func TestOverlongForeignLinesAreLeftOut(t *testing.T) {
	t.Parallel()
	j, _ := testJournal(t)

	line := strings.Repeat("x", maxLine-5) + token + "\nlast words\n"
	for rest := line; rest != ""; rest = rest[min(len(rest), 32<<10):] {
		one := []byte(rest[:min(len(rest), 32<<10)])
		_, _ = j.Write(one)
		_, _ = j.stderr.Write(one)
	}

	if text := j.stderr.String(); strings.Contains(text, token[:4]) || strings.Contains(text, token[len(token)-4:]) || strings.Count(text, "last words") != 2 {
		t.Errorf("shown is %q", text)
	}
}
