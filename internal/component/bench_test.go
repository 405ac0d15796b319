package component_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"image-builder/internal/component"
)

// typical is a document of about 3 KB with what documents usually have.
func typical() []byte {
	var b strings.Builder
	b.WriteString("name: Typical\ndescription: Installs a few things\nschemaVersion: 1.0\nparameters:\n  - Version:\n      type: string\n      default: \"1.2\"\n" +
		"phases:\n  - name: build\n    steps:\n")

	for i := range 9 {
		fmt.Fprintf(&b, `      - name: Step%d
        action: ExecuteBash
        timeoutSeconds: 300
        onFailure: Abort
        inputs:
          commands:
            - |
              set -euo pipefail
              curl -fsSLO https://example.com/tool-{{ Version }}.tar.gz
              sudo tar -C /usr/local -xzf tool.tar.gz
            - echo "installed"
`, i)
	}

	b.WriteString(`  - name: validate
    steps:
      - name: Check
        action: ExecuteBash
        inputs:
          commands:
            - test "{{ build.Step1.outputs.stdout }}" = installed
`)

	return []byte(b.String())
}

// BenchmarkCheck parses and checks a typical document. Target: 1,000 a second on one core.
func BenchmarkCheck(b *testing.B) {
	text := typical()
	all := modules()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()

	for b.Loop() {
		doc, list := component.Parse("typical.yml", text)
		list = append(list, component.Check(doc, all, component.Options{})...)
		if list.Errors() > 0 {
			b.Fatal(list)
		}
	}

	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "docs/s")
}

// BenchmarkSteps compares 100 ExecuteBash steps of `true` with as many bash processes started by a plain loop. Target:
// 1.3 times the loop.
func BenchmarkSteps(b *testing.B) {
	const n = 100
	b.Run("loop", func(b *testing.B) {
		for b.Loop() {
			for range n {
				if err := exec.Command("bash", "-c", "true").Run(); err != nil {
					b.Fatal(err)
				}
			}
		}
	})

	b.Run("steps", func(b *testing.B) {
		var text strings.Builder
		text.WriteString("schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n")

		for i := range n {
			fmt.Fprintf(&text, "      - {name: s%d, action: ExecuteBash, inputs: {commands: ['true']}}\n", i)
		}

		run := &component.Run{Documents: []component.Job{{Document: parse(b, "steps.yml", text.String())}}, Modules: modules(), Env: os.Environ()}
		for b.Loop() {
			if result, err := run.Execute(b.Context()); err != nil || result.Executed != n {
				b.Fatal(err, result.FailureMessage)
			}
		}
	})

	b.Run("executor", func(b *testing.B) {
		all := make([]string, n)
		for i := range all {
			all[i] = "inputs: {do: say x}"
		}
		run := newRun(b, &script{}, steps(all...))
		for b.Loop() {
			if result, err := run.Execute(b.Context()); err != nil || result.Executed != n {
				b.Fatal(err, result.FailureMessage)
			}
		}
	})
}
