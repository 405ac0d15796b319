package component_test

import (
	"strings"
	"testing"

	"image-builder/internal/component"
	"image-builder/internal/progress"
)

// TestUnmatched expects a note about each name that matches nothing, about a parameter without a value, and about a
// run that continues although nothing was rebooted.
func TestUnmatched(t *testing.T) {
	t.Parallel()
	var notes []string
	run := newRun(t, &script{}, steps(`inputs: {do: next}`, `inputs: {do: say a}`))
	run.StateDir = t.TempDir()
	run.Phases = []string{"build", "biuld", "validate"}
	run.Parameters = []component.Parameter{{Name: "Braces", Value: "x"}, {Name: "Empyt", Value: "x"}}
	run.Report = func(e progress.Event) {
		if e.Kind == progress.Note {
			notes = append(notes, e.Text)
		}
	}

	reboots(t, run)

	want := []string{
		"no document has a phase biuld: did you mean build?", "d0.yml needs a value for its parameter Empty: it is empty now",
		"Braces is a constant: the value given to it has no effect", "no document has a parameter Empyt: did you mean Empty?",
		"the run goes on, but this machine was not rebooted since it stopped",
	}
	if strings.Join(notes, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(notes, "\n"))
	}
}
