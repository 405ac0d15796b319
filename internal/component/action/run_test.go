package action_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/progress"
)

// TestDocuments runs the documents of testdata/run with every module, and compares the outcome with the file "want".
// The archive's comment may contain lines "phases: A,B" and "parameter: NAME=VALUE". A run that asks for a reboot is
// executed again. Set UPDATE=1 to rewrite "want".
func TestDocuments(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/run/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("found %q, %v", archives, err)
	}

	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := happened(t, archive)

			want := &archive.Files[len(archive.Files)-1]
			if want.Name != "want" {
				t.Fatal("the last file must be want")
			}

			if os.Getenv("UPDATE") != "" {
				want.Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}

			if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// happened runs an archive's documents, in the order of their names, in a directory of their own.
func happened(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	dir := t.TempDir()
	run := &component.Run{
		ID: "run", Modules: action.All(action.Ports{TempDir: dir}), Dir: dir, StateDir: filepath.Join(dir, ".state"),
		Env: []string{"PATH=" + os.Getenv("PATH"), "WORK=" + dir}, Values: parameters{"/motd": "be {{ nice }}"}, Now: time.Now,
	}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		name, text, _ := strings.Cut(value, "=")
		switch key {
		case "phases":
			run.Phases = strings.Split(value, ",")
		case "parameter":
			run.Parameters = append(run.Parameters, component.Parameter{Name: name, Value: text})
		}
	}

	for _, file := range archive.Files[:len(archive.Files)-1] {
		path := filepath.Join(dir, file.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file.Name, ".yml") || strings.Contains(file.Name, "/") {
			continue
		}

		document, findings := component.Parse(file.Name, file.Data)
		if findings.Errors() > 0 {
			t.Fatalf("%v", findings)
		}
		run.Documents = append(run.Documents, component.Job{Document: document})
	}

	return strings.ReplaceAll(trace(t, run), dir, "$WORK")
}

// parameters answers references to the parameter store.
type parameters map[string]string

func (p parameters) Parameter(_ context.Context, name string) (string, error) {
	if value, ok := p[name]; ok {
		return value, nil
	}
	return "", fmt.Errorf("get parameter %s: there is none", name)
}

// trace executes a run, again after each reboot, and returns its events.
func trace(t *testing.T, run *component.Run) string {
	t.Helper()
	var told strings.Builder
	run.Report = func(e progress.Event) { told.WriteString(line(e)) }
	for {
		result, err := run.Execute(t.Context())
		if err != nil {
			fmt.Fprintf(&told, "error: %v\n", err)
			return told.String()
		}

		if result.Reboot == nil {
			fmt.Fprintf(&told, "%s, executed %d, failed %d, ignored %d", result.Status, result.Executed, result.Failed, result.Ignored)
			if result.FailureMessage != "" {
				fmt.Fprintf(&told, ": %s", result.FailureMessage)
			}
			told.WriteByte('\n')
			return told.String()
		}

		told.WriteString("== reboot ==\n")
	}
}

func line(e progress.Event) string {
	switch e.Kind {
	case progress.StepStarted:
		return fmt.Sprintf("%s/%s: %s\n", e.Step.Phase, e.Step.Name, e.Step.Action)
	case progress.StepOutput:
		place := ""
		if e.Step.Iteration >= 0 {
			place = fmt.Sprintf("[%d] ", e.Step.Iteration)
		}
		return fmt.Sprintf("  %s%s: %s\n", place, e.Stream, e.Text)
	case progress.Note:
		return "  note: " + e.Text + "\n"
	}

	if e.Text == "" {
		return fmt.Sprintf("  %s\n", e.Status)
	}
	return fmt.Sprintf("  %s: %s\n", e.Status, e.Text)
}
