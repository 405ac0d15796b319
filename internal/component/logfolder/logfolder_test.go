package logfolder

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
)

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 123456789, time.UTC) }

func twoSteps() *component.Result {
	return &component.Result{
		ExecutionID: "id", Status: component.Running, Start: noon(),
		Documents: []*component.DocumentResult{{
			Name: "Doc", Path: "/x/doc.yml", Start: noon(), Status: component.Running,
			Phases: []*component.PhaseResult{
				{Name: "build", Selected: true, Steps: []*component.StepResult{
					{Name: "One", Action: "ExecuteBash", Timeout: 7200, OnFailure: component.Abort, MaxAttempts: 1},
					{Name: "Two", Action: "ExecuteDocument", Timeout: -1, OnFailure: component.Continue, MaxAttempts: 1, Loop: json.RawMessage(`{"name":"l"}`)},
				}},
				{Name: "test"},
			},
		}},
	}
}

func file(t *testing.T, l *Log, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func open(t *testing.T, parent string) *Log {
	t.Helper()
	l, err := Open(parent, "id", []Document{{"/x/doc.yml", []byte("text")}, {"s3://b/doc.yml", []byte("other")}}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestFolder compares all files of a run with those that awstoe writes for a similar run.
func TestFolder(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	if got := filepath.Base(l.Dir); got != "TOE_2026-03-04_12-00-00_UTC-0_id" {
		t.Errorf("folder is %s", got)
	}
	result := twoSteps()
	if err := l.Planned(result); err != nil {
		t.Fatal(err)
	}

	l.Console("Step One")
	one := result.Documents[0].Phases[0].Steps[0]
	two := result.Documents[0].Phases[0].Steps[1]
	one.Status = component.Success
	one.Start = noon()
	one.End = noon().Add(time.Minute)
	one.Inputs = `[{"commands":["echo <1>"]}]`
	one.Outputs = `[{"stdout":"<1>"}]`

	if err := l.Stepped(result, component.Place{}); err != nil {
		t.Fatal(err)
	}
	one.Inputs = ""
	one.Outputs = "" // the run drops them
	two.Nested = &component.Result{ExecutionID: "inner"}
	two.Status = component.Failed

	if err := l.Stepped(result, component.Place{Step: 1}); err != nil {
		t.Fatal(err)
	}
	two.Nested = nil
	result.Status = component.Failed
	result.FailureMessage = "Document /x/doc.yml failed!"
	if err := l.Close(result); err != nil {
		t.Fatal(err)
	}

	for name, want := range map[string]string{
		"console.log": "2026-03-04T12:00:00.123456789Z Step One\n", "D0__doc.yml": "text", "D1__doc.yml": "other",
		"detailedoutput.json": detailed, "chaining.json": chaining,
	} {
		if diff := cmp.Diff(want, file(t, l, name)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}

	if got := file(t, l, "application.log"); !strings.Contains(got, "Z Step One\n") || !strings.Contains(got, "Z Debug Executor: step One ended") {
		t.Errorf("application.log is %s", got)
	}
	if entries, err := os.ReadDir(l.Dir); err != nil || len(entries) != 6 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

// TestAfterReboot continues the folder: it takes from the files what the run no longer knows about earlier steps.
func TestAfterReboot(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	l := open(t, parent)
	result := twoSteps()
	one := result.Documents[0].Phases[0].Steps[0]
	one.Status = component.Success
	one.End = noon()
	one.Inputs = `["in"]`
	one.Outputs = `["out"]`
	l.Console("before")
	if err := l.Stepped(result, component.Place{}); err != nil {
		t.Fatal(err)
	}

	if err := l.Close(result); err != nil {
		t.Fatal(err)
	}
	one.Inputs = ""
	one.Outputs = ""

	again := open(t, parent)
	if again.Dir != l.Dir {
		t.Errorf("folders %s and %s", l.Dir, again.Dir)
	}
	if err := again.Planned(result); err != nil {
		t.Fatal(err)
	}

	again.Console("after")
	if err := again.Close(result); err != nil {
		t.Fatal(err)
	}
	if got := file(t, again, "console.log"); strings.Count(got, "\n") != 2 || !strings.Contains(got, "before") {
		t.Errorf("console.log is %s", got)
	}

	for _, name := range []string{"detailedoutput.json", "chaining.json"} {
		if got := file(t, again, name); !strings.Contains(got, `"outputs": "[\"out\"]"`) {
			t.Errorf("%s has lost the outputs: %s", name, got)
		}
	}
}

// TestWritingIsBounded runs many steps in no time: the JSON files are written at the start and at the end only.
func TestWritingIsBounded(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())

	result := twoSteps()
	if err := l.Planned(result); err != nil {
		t.Fatal(err)
	}
	before := file(t, l, "detailedoutput.json")

	for i := range 1000 {
		result.Documents[0].Phases[0].Steps[0].Outputs = fmt.Sprint(i)
		if err := l.Stepped(result, component.Place{}); err != nil {
			t.Fatal(err)
		}
	}

	if got := file(t, l, "detailedoutput.json"); got != before {
		t.Error("the file was written between, although no time has passed")
	}
	if err := l.Close(result); err != nil {
		t.Fatal(err)
	}
	if got := file(t, l, "detailedoutput.json"); !strings.Contains(got, `"outputs": "999"`) {
		t.Errorf("the end is not in the file: %s", got)
	}
}

func TestCloseOfARunThatNeverBegan(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	l.Console("nothing")
	if err := l.Close(nil); err != nil {
		t.Fatal(err)
	}
	if got := file(t, l, "console.log"); !strings.Contains(got, "nothing") {
		t.Errorf("console.log is %q", got)
	}
}
