package action_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/component/logfolder"
)

const benchSteps = 1000

func benchDocument(b *testing.B) *component.Document {
	b.Helper()
	var text strings.Builder
	text.WriteString("schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n")

	for i := range benchSteps {
		fmt.Fprintf(&text, "      - {name: S%d, action: ExecuteBash, inputs: {commands: ['true']}}\n", i)
	}

	document, findings := component.Parse("steps.yml", []byte(text.String()))
	if findings.Errors() > 0 {
		b.Fatal(findings)
	}

	return document
}

// BenchmarkExecute1000Steps runs 1,000 steps of `true` with the log folder that component run leaves. Compare it with
// BenchmarkPlain1000Scripts: the same scripts run by a loop.
func BenchmarkExecute1000Steps(b *testing.B) {
	document := benchDocument(b)
	for b.Loop() {
		log, err := logfolder.Open(b.TempDir(), "run", nil, time.Now)
		if err != nil {
			b.Fatal(err)
		}
		run := &component.Run{
			ID: "run", Documents: []component.Job{{Document: document}}, Modules: action.All(action.Ports{}),
			Env: os.Environ(), Dir: b.TempDir(), Observer: log,
		}

		result, err := run.Execute(b.Context())
		if err != nil || result.Executed != benchSteps || result.Failed > 0 {
			b.Fatalf("%+v, %v", result, err)
		}
		if err := log.Close(&result); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlain1000Scripts(b *testing.B) {
	script := filepath.Join(b.TempDir(), "script.sh")
	if err := os.WriteFile(script, []byte("true\n"), 0o600); err != nil {
		b.Fatal(err)
	}

	for b.Loop() {
		for range benchSteps {
			if err := exec.Command("bash", script).Run(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkLogFolder writes the log folder of many steps that ran already: time and memory per step must not grow with
// their number.
func BenchmarkLogFolder(b *testing.B) {
	for _, steps := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(steps), func(b *testing.B) {
			phase := &component.PhaseResult{Name: "build", Selected: true}
			for i := range steps {
				phase.Steps = append(phase.Steps, &component.StepResult{Name: fmt.Sprint(i), Action: "ExecuteBash"})
			}

			result := &component.Result{ExecutionID: "run", Documents: []*component.DocumentResult{{Phases: []*component.PhaseResult{phase}}}}
			for b.Loop() {
				log, err := logfolder.Open(b.TempDir(), "run", nil, time.Now)
				if err != nil {
					b.Fatal(err)
				}
				if err := log.Planned(result); err != nil {
					b.Fatal(err)
				}

				for i, step := range phase.Steps {
					step.Inputs = `[{"commands":["true"]}]`
					step.Outputs = `[{"stdout":"` + strings.Repeat("x", 1000) + `"}]`
					if err := log.Stepped(result, component.Place{Step: i}); err != nil {
						b.Fatal(err)
					}
					step.Inputs = ""
					step.Outputs = ""
				}

				if err := log.Close(result); err != nil {
					b.Fatal(err)
				}
			}

			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*steps), "ns/step")
		})
	}
}
