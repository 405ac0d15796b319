package component_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"image-builder/internal/component"
	"image-builder/internal/finding"
	"image-builder/internal/progress"
)

// shell makes a document whose only command is text.
func shell(command string) string {
	return "schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: a\n        action: ExecuteBash\n        inputs:\n          commands:\n            - |\n" +
		"              " + strings.ReplaceAll(command, "\n", "\n              ") + "\n"
}

func TestSizes(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 9), ","))
	}

	tests := []struct {
		name, text string
		inline     bool
		want       finding.Code
		severity   finding.Severity
	}{
		{"just below 16,000 characters", shell("#" + strings.Repeat("ü", 15_000)), false, "", 0},
		{"above 16,000 characters", shell("#" + strings.Repeat("ü", 16_000)), false, finding.TooLargeInline, finding.Warning},
		{"above 16,000 characters inline", shell("#" + strings.Repeat("ü", 16_000)), true, finding.TooLargeInline, finding.Error},
		{"above 64 KB", shell("#" + strings.Repeat("x", 1<<16)), false, finding.TooLarge, finding.Error},
		{"above 1 MiB", shell("#" + strings.Repeat("x", 1<<20)), false, finding.TooLarge, finding.Error},
		{"deep", "a: " + strings.Repeat("[", 150) + strings.Repeat("]", 150), false, finding.TooDeep, finding.Error},
		{"deeper than the parser goes", strings.Repeat("[", 500_000), false, finding.Syntax, finding.Error},
		{"alias bomb", bomb, false, finding.TooDeep, finding.Error},
		{"alias of itself", "a: &a [*a]\n", false, finding.TooDeep, finding.Error},
		{"long aliased text", "a: &a " + strings.Repeat("x", 60_000) + "\nb: [" + strings.Repeat("*a,", 100) + "]\n", false, finding.TooDeep, finding.Error},
		{"control character", shell("echo \x01"), false, finding.Syntax, finding.Error},
		{"not UTF-8", shell("echo \xff"), false, finding.Syntax, finding.Error},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			doc, list := component.Parse("a.yml", []byte(test.text))
			list = append(list, component.Check(doc, modules(), component.Options{Inline: test.inline})...)

			if test.want == "" {
				if len(list) > 0 {
					t.Errorf("got %v", list)
				}
				return
			}
			if len(list) != 1 || list[0].Code != test.want || list[0].Severity != test.severity {
				t.Errorf("got %.500v, want %s alone", list, test.want)
			}
		})
	}
}

// TestHostileTexts checks that time and findings stay bounded for a document full of references, names or keys.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	many := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < 400_000; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}

	for name, text := range map[string]string{
		"undeclared":     shell(many("{{ x%d }}")),
		"unknown steps":  shell(many("{{ build.x%d.outputs.y }}\n")),
		"loops":          shell(many("{{ loop.index }}%d\n")),
		"braces":         shell(strings.Repeat("{", 1_000_000)),
		"open braces":    shell(strings.Repeat("{{ ", 300_000)),
		"phases":         "schemaVersion: 1.0\nphases:\n" + many("- name: p%d\n"),
		"steps":          "schemaVersion: 1.0\nphases:\n- name: build\n  steps:\n" + many("  - {name: s%d}\n"),
		"parameters":     "schemaVersion: 1.0\nparameters:\n" + many("- p%d: {type: string}\n") + "phases: [{name: build, steps: []}]\n",
		"unknown keys":   many("k%d: 1\n"),
		"duplicate keys": strings.Repeat("k: 1\n", 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, list := component.Parse("a.yml", []byte(text))
			list = append(list, component.Check(doc, modules(), component.Options{})...)
			if list.Errors() == 0 || len(list) > 1000 {
				t.Errorf("%d findings", len(list))
			}
		})
	}
}

// TestFlood lets a step write 64 MiB on one line: events and log lines stay short, and nothing is lost.
func TestFlood(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	flood := flooder{size: size}
	heard := &counter{}
	longest := 0
	total := 0
	run := newRun(t, &script{}, strings.Replace(steps(`inputs: {}`), "Script", "Flood", 1))
	run.Modules["Flood"] = flood
	run.Observer = heard
	run.Report = func(e progress.Event) {
		if e.Kind == progress.StepOutput {
			longest = max(longest, len(e.Text))
			total += len(e.Text)
		}
	}

	result, err := run.Execute(t.Context())
	if err != nil || result.Status != component.Success {
		t.Fatalf("got %v %s", err, result.FailureMessage)
	}

	if heard.bytes < size || total != size || heard.longest > 70<<10 || longest > 64<<10 {
		t.Errorf("%d bytes in the log, lines of %d bytes; %d bytes in events of %d", heard.bytes, heard.longest, total, longest)
	}
}

type flooder struct{ size int }

func (flooder) Schema() component.Schema {
	return component.Schema{Action: "Flood", Platforms: []component.Platform{component.Linux, component.MacOS, component.Windows}, Bare: true, Outputs: []string{"stdout"}}
}

func (f flooder) Run(_ context.Context, call *component.Call) (component.Outputs, error) {
	_, err := io.Copy(call.Stdout, io.LimitReader(zeros{}, int64(f.size)))
	return component.Outputs{"stdout": "x"}, err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("0"), len(p))), nil }

// counter is an Observer that only counts.
type counter struct{ bytes, longest int }

func (*counter) Planned(*component.Result) error                  { return nil }
func (*counter) Stepped(*component.Result, component.Place) error { return nil }
func (c *counter) Console(line string) {
	c.bytes += len(line)
	c.longest = max(c.longest, len(line))
}

// TestEndlessLoop stops loops of two billion iterations, and of the largest number of iterations, at their timeout,
// with bounded outputs.
func TestEndlessLoop(t *testing.T) {
	t.Parallel()
	for name, bounds := range map[string]string{
		"two billion": "start: 1, end: 2000000000, updateBy: 1",
		"all up":      "start: -9223372036854775808, end: 9223372036854775807, updateBy: 1",
		"all down":    "start: 9223372036854775807, end: -9223372036854775808, updateBy: -1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := newRun(t, &script{}, strings.Replace(
				steps("timeoutSeconds: 1, loop: {for: {"+bounds+"}}, inputs: {}"), "Script", "Output", 1))
			run.Modules["Output"] = outputter{}
			result, err := run.Execute(t.Context())
			if err != nil || result.FirstFailure == nil || result.FirstFailure.Message != "run loop: timed out after 1 seconds" {
				t.Fatalf("got %v %+v", err, result)
			}
			if n := len(result.Documents[0].Phases[0].Steps[0].Outputs); n > 3<<20 {
				t.Errorf("%d bytes of outputs", n)
			}
		})
	}
}

type outputter struct{}

func (outputter) Schema() component.Schema {
	return component.Schema{Action: "Output", Platforms: []component.Platform{component.Linux, component.MacOS, component.Windows}, Bare: true, Outputs: []string{"stdout"}}
}

func (outputter) Run(context.Context, *component.Call) (component.Outputs, error) {
	return component.Outputs{"stdout": strings.Repeat("x", 1000)}, nil
}

// TestGrowingReferences doubles a text with every step: it fails at 1 MiB instead of filling the memory.
func TestGrowingReferences(t *testing.T) {
	t.Parallel()
	chain := []string{`inputs: {do: 'say xxxxxxxxxxxxxxxx'}`}
	for i := range 40 {
		ref := fmt.Sprintf("{{ build.s%d.inputs.do }}", i)
		chain = append(chain, fmt.Sprintf(`if: {stringIsEmpty: x}, inputs: {do: '%s%s'}`, ref, ref))
	}

	chain = append(chain, `inputs: {do: '{{ build.s40.inputs.do }}'}`)
	result, err := newRun(t, &script{}, steps(chain...)).Execute(t.Context())
	if err != nil || result.FirstFailure == nil || !strings.Contains(result.FirstFailure.Message, "beyond 1 MiB") {
		t.Errorf("got %v %+v", err, result.FirstFailure)
	}
}
