package inside

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/progress"
	"image-builder/internal/secret"
)

const token = "tok_5f1c0b9a8d7e6f3a"

func testJournal(t *testing.T) (*journal, *[]progress.Event) {
	t.Helper()
	var seen []progress.Event
	j, err := newJournal(t.TempDir(), secret.NewSet([]secret.Secret{{Name: "token", Value: []byte(token + "\n")}}),
		func(e progress.Event) { seen = append(seen, e) })
	if err != nil {
		t.Fatal(err)
	}
	return j, &seen
}

func (j *journal) tell(t *testing.T, events ...progress.Event) {
	t.Helper()
	for _, event := range events {
		line, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		// in pieces, as a pipe delivers it
		for _, piece := range []string{string(line[:len(line)/2]), string(line[len(line)/2:]), "\n"} {
			if _, err := j.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func run(name string) *progress.Step {
	return &progress.Step{Document: "d.yml", Phase: "build", Name: name, Iteration: -1}
}

func TestJournalMasksAndExplains(t *testing.T) {
	t.Parallel()
	j, seen := testJournal(t)
	j.tell(t,
		progress.Event{Kind: progress.StepStarted, Step: run("Quiet")},
		progress.Event{Kind: progress.StepDone, Step: run("Quiet"), Status: progress.Success, Elapsed: time.Second},
		progress.Event{Kind: progress.StepStarted, Step: run("Loud/../one")},
		progress.Event{Kind: progress.StepOutput, Step: run("Loud/../one"), Text: "the token is " + token},
		progress.Event{Kind: progress.StepDone, Step: run("Loud/../one"), Status: progress.Failed, Text: "said " + token},
	)

	for _, event := range *seen {
		if strings.Contains(event.Text, token) {
			t.Errorf("an event shows the secret: %+v", event)
		}
	}

	steps, err := j.close(errors.New("exit status 1"))
	var failed *StepError
	if !errors.As(err, &failed) {
		t.Fatalf("error is %v, want a StepError", err)
	}
	if diff := cmp.Diff([]string{"the token is ***"}, failed.Tail); diff != "" {
		t.Error(diff)
	}
	if want := "run step Loud/../one of d.yml (build): said ***"; failed.Error() != want {
		t.Errorf("error reads %q, want %q", failed, want)
	}

	if steps[0].Log != "" {
		t.Errorf("a step that said nothing has the log %s", steps[0].Log)
	}
	text, err := os.ReadFile(steps[1].Log)
	if err != nil || string(text) != "the token is ***\n" {
		t.Errorf("log holds %q, %v", text, err)
	}
}

func TestJournalKeepsTheLastLinesAndOneLogAStep(t *testing.T) {
	t.Parallel()
	j, _ := testJournal(t)
	for i := range 3 * tailLines {
		step := run("Loop")
		step.Iteration = i
		j.tell(t, progress.Event{Kind: progress.StepOutput, Step: step, Text: fmt.Sprint("line ", i)})
	}

	steps, err := j.close(errors.New("killed"))
	var failed *StepError
	if !errors.As(err, &failed) || len(failed.Tail) != tailLines || failed.Tail[0] != fmt.Sprint("line ", 2*tailLines) {
		t.Errorf("error is %v", err)
	}
	if len(steps) != 1 || steps[0].Status != progress.Failed {
		t.Errorf("a step that never ended is recorded as %+v", steps)
	}
}

func TestJournalTellsWhyNothingRan(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ stdout, stderr, want string }{
		"a document is wrong":    {stdout: `{"status":"failed","failureMessage":"document x: unknown action"}` + "\n", want: "document x: unknown action"},
		"the program cannot run": {stderr: "exec format error\n", want: "exec format error"},
		"foreign output":         {stdout: "Segmentation fault with " + token + "\n", want: "Segmentation fault with ***"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, _ := testJournal(t)
			_, _ = j.Write([]byte(test.stdout))
			_, _ = j.stderr.Write([]byte(test.stderr))
			if _, err := j.close(errors.New("exit status 1")); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want it to say %q", err, test.want)
			}
		})
	}
}

// Only the run itself says that it succeeded; a run before a reboot does not count.
func TestJournalKnowsWhetherTheRunSucceeded(t *testing.T) {
	t.Parallel()
	for stdout, want := range map[string]bool{
		"": false, "hello\n": false, "{}\n": false,
		`{"kind":"stepDone","status":"success","step":{"name":"x"}}` + "\n": false,
		`{"executionId":"1","status":"failed"}` + "\n":                      false,
		`{"executionId":"1","status":"success"}`:                            false, // cut short
		`{"executionId":"1","status":"success"}` + "\n":                     true,
		`{"executionId":"1","status":"successWithIgnoredFailure"}` + "\n":   true,
	} {
		j, _ := testJournal(t)
		_, _ = j.Write([]byte(stdout))
		if got := j.succeeded(); got != want {
			t.Errorf("%q: succeeded is %v", stdout, got)
		}
		j.restart()
		if j.succeeded() {
			t.Errorf("%q: it counts for the run after it", stdout)
		}
	}
}
