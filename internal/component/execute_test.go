package component_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
	"image-builder/internal/progress"
)

// script is a module for tests: its input "do" says what it does, in a few words that play understands.
type script struct {
	mu   sync.Mutex
	done []string       // steps that ran, in order
	left map[string]int // how often "fail NAME n" and the like will still happen
}

func (s *script) Schema() component.Schema {
	return component.Schema{
		Action: "Script", Platforms: []component.Platform{component.Linux, component.Windows, component.MacOS},
		Fields:  []component.Field{{Name: "do", Required: true}, {Name: "mode", Default: "plain"}, {Name: "note"}},
		Outputs: []string{"stdout"},
	}
}

// Run plays one line: "say TEXT", "fail", "fail-times N", "reboot", "reboot-times N", "next" (reboot, then the next
// step), "hang", "flood LINES".
func (s *script) Run(ctx context.Context, call *component.Call) (component.Outputs, error) {
	line := call.Inputs[0].Text("do")
	s.mu.Lock()
	defer s.mu.Unlock()

	s.done = append(s.done, line)
	verb, rest, _ := strings.Cut(line, " ")
	var n int
	_, _ = fmt.Sscan(rest, &n)
	out := component.Outputs{"stdout": rest}

	switch verb {
	case "fail":
		fmt.Fprint(call.Stderr, "why it failed")
		return out, errors.New("exit status 1")
	case "fail-times":
		if s.once(line, n) {
			return nil, errors.New("exit status 1")
		}

	case "reboot":
		return nil, component.Reboot{Again: true}
	case "reboot-times":
		if s.once(line, n) {
			return nil, component.Reboot{Again: true}
		}

	case "next":
		return nil, component.Reboot{Delay: time.Second}
	case "hang":
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}

	fmt.Fprintln(call.Stdout, rest)
	return out, nil
}

func (s *script) once(line string, n int) bool {
	if s.left == nil {
		s.left = make(map[string]int)
	}
	if _, known := s.left[line]; !known {
		s.left[line] = n
	}
	s.left[line]--
	return s.left[line] >= 0
}

// steps writes a document; each argument is one step in flow style.
func steps(steps ...string) string {
	var b strings.Builder
	b.WriteString("schemaVersion: 1.0\nname: Test\nparameters: [{Par: {type: string, default: dflt, allowedValues: [dflt, other]}}, {Empty: {type: string}}]\n" +
		"constants: [{Braces: {type: string, value: '{{ Par }}'}}]\nphases:\n  - name: build\n    steps:\n")

	for i, step := range steps {
		if strings.HasPrefix(step, "phase ") {
			fmt.Fprintf(&b, "  - name: %s\n    steps:\n", strings.TrimPrefix(step, "phase "))
			continue
		}
		fmt.Fprintf(&b, "      - {name: s%d, action: Script, %s}\n", i, step)
	}

	return b.String()
}

func parse(tb testing.TB, name, text string) *component.Document {
	tb.Helper()
	doc, list := component.Parse(name, []byte(text))
	if list.Errors() > 0 {
		tb.Fatalf("parse %s: %v", name, list)
	}
	return doc
}

func newRun(tb testing.TB, s *script, documents ...string) *component.Run {
	tb.Helper()
	nested := modules()["ExecuteDocument"]
	run := &component.Run{ID: "test", Modules: component.Modules{"Script": s, "ExecuteDocument": nested, "Assert": modules()["Assert"]}}
	for i, text := range documents {
		run.Documents = append(run.Documents, component.Job{Document: parse(tb, fmt.Sprintf("d%d.yml", i), text)})
	}
	return run
}

// statuses lists every step with its status, one a line.
func statuses(result component.Result) string {
	var b strings.Builder
	for _, d := range result.Documents {
		for _, p := range d.Phases {
			for _, s := range p.Steps {
				fmt.Fprintf(&b, "%s:%s ", s.Name, s.Status)
			}
			fmt.Fprintf(&b, "%s=%s ", p.Name, p.Status)
		}
		fmt.Fprintf(&b, "%s ", d.Status)
	}

	fmt.Fprintf(&b, "| %s executed %d failed %d ignored %d", result.Status, result.Executed, result.Failed, result.Ignored)
	return b.String()
}

func TestExecute(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		documents []string
		phases    []string
		want      string // statuses
		done      []string
	}{
		{
			name:      "abort stops the whole run",
			documents: []string{steps(`inputs: {do: fail}`, `inputs: {do: say no}`, "phase validate", `inputs: {do: say no}`), steps(`inputs: {do: say no}`)},
			want:      "s0:failed s1: build=failed s3: validate= failed s0: build=  | failed executed 1 failed 1 ignored 0",
			done:      []string{"fail"},
		},
		{
			name:      "continue goes on and fails",
			documents: []string{steps(`onFailure: Continue, inputs: {do: fail}`, `inputs: {do: say yes}`, "phase validate", `inputs: {do: say too}`), steps(`inputs: {do: say next}`)},
			want:      "s0:failed s1:success build=failed s3:success validate=success failed s0:success build=success success | failed executed 4 failed 1 ignored 0",
			done:      []string{"fail", "say yes", "say too", "say next"},
		},
		{
			name:      "ignore goes on and succeeds",
			documents: []string{steps(`onFailure: Ignore, inputs: {do: fail}`, `inputs: {do: say yes}`)},
			want:      "s0:ignoredFailure s1:success build=successWithIgnoredFailure successWithIgnoredFailure | success executed 2 failed 0 ignored 1",
			done:      []string{"fail", "say yes"},
		},
		{
			name:      "ignore and continue in one phase",
			documents: []string{steps(`onFailure: Ignore, inputs: {do: fail}`, `onFailure: Continue, inputs: {do: fail}`)},
			want:      "s0:ignoredFailure s1:failed build=failed failed | failed executed 2 failed 1 ignored 1",
			done:      []string{"fail", "fail"},
		},
		{
			name:      "attempts",
			documents: []string{steps(`maxAttempts: 3, inputs: {do: fail-times 2}`)},
			want:      "s0:success build=success success | success executed 1 failed 0 ignored 0",
			done:      []string{"fail-times 2", "fail-times 2", "fail-times 2"},
		},
		{
			name:      "attempts used up",
			documents: []string{steps(`maxAttempts: 2, inputs: {do: fail-times 2}`)},
			want:      "s0:failed build=failed failed | failed executed 1 failed 1 ignored 0",
			done:      []string{"fail-times 2", "fail-times 2"},
		},
		{
			name:      "a retry restarts the loop",
			documents: []string{steps(`maxAttempts: 2, loop: {forEach: [say a, fail-times 1, say b]}, inputs: {do: '{{ loop.value }}'}`)},
			want:      "s0:success build=success success | success executed 1 failed 0 ignored 0",
			done:      []string{"say a", "fail-times 1", "say a", "fail-times 1", "say b"},
		},
		{
			name:      "phases in the document's order",
			documents: []string{steps(`inputs: {do: say a}`, "phase test", `inputs: {do: say b}`, "phase validate", `inputs: {do: say c}`)},
			phases:    []string{"validate", "build"},
			want:      "s0:success build=success s2: test= s4:success validate=success success | success executed 2 failed 0 ignored 0",
			done:      []string{"say a", "say c"},
		},
		{
			name:      "no phase matches",
			documents: []string{steps(`inputs: {do: say a}`)},
			phases:    []string{"nothing"},
			want:      "s0: build= success | success executed 0 failed 0 ignored 0",
		},
		{
			name: "conditions",
			documents: []string{steps(`if: {stringEquals: A, value: a}, inputs: {do: say runs}`, `if: {stringEquals: a, value: b}, inputs: {do: say no}`,
				`if: {stringIsEmpty: "", then: Skip, else: Execute}, inputs: {do: say no}`,
				`onFailure: Continue, if: {stringIsEmpty: "", then: Abort}, inputs: {do: say no}`,
				`if: {stringEquals: dflt, value: '{{ Par }}'}, inputs: {do: say par}`)},
			want: "s0:success s1:skipped s2:skipped s3:failed s4:success build=failed failed | failed executed 3 failed 1 ignored 0",
			done: []string{"say runs", "say par"},
		},
		{
			name: "references",
			documents: []string{steps(`inputs: {do: 'say {{ Par }}'}`, `inputs: {do: 'say {{ Braces }} {{ loop.index }} {{ unclosed'}`,
				`inputs: {do: 'say <{{ build.s0.outputs.stdout }}|{{ build.s1.inputs.do }}|{{build.s1.inputs.mode}}>'}`,
				`if: {stringIsEmpty: x}, inputs: {do: say skipped}`,
				`inputs: {do: 'say <{{ build.s3.outputs.stdout }}> <{{ Empty }}>'}`)},
			want: "s0:success s1:success s2:success s3:skipped s4:success build=success success | success executed 4 failed 0 ignored 0",
			done: []string{
				"say dflt", "say {{ Par }} {{ loop.index }} {{ unclosed",
				"say <dflt|say {{ Par }} {{ loop.index }} {{ unclosed|plain>", "say <> <>",
			},
		},
		{
			name: "loops",
			documents: []string{steps(`loop: {name: n, for: {start: 5, end: 1, updateBy: -3}}, inputs: {do: 'say {{ loop.index }}{{ n.value }}'}`,
				`loop: {forEach: {list: '{{ build.s0.outputs.stdout }}', delimiter: "\n"}}, inputs: {do: 'say <{{ loop.value }}>'}`,
				`loop: {forEach: {list: ''}}, inputs: {do: say never}`,
				`onFailure: Ignore, loop: {forEach: [say a, fail, say b]}, inputs: {do: '{{ loop.value }}'}`,
				`inputs: {do: 'say {{ build.s3.outputs.stdout }}'}`)},
			want: "s0:success s1:success s2:success s3:ignoredFailure s4:success build=successWithIgnoredFailure successWithIgnoredFailure | success executed 5 failed 0 ignored 1",
			done: []string{"say 05", "say 12", "say <05>", "say <12>", "say a", "fail", "say a"},
		},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &script{}
			run := newRun(t, s, test.documents...)
			run.Phases = test.phases
			result, err := run.Execute(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, statuses(result)); diff != "" {
				t.Errorf("statuses: -want +got\n%s", diff)
			}

			if diff := cmp.Diff(test.done, s.done); diff != "" {
				t.Errorf("what ran: -want +got\n%s", diff)
			}
		})
	}
}

func TestFirstFailure(t *testing.T) {
	t.Parallel()
	result, err := newRun(t, &script{}, steps(`onFailure: Ignore, inputs: {do: fail}`, `onFailure: Continue, inputs: {do: fail}`)).Execute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &component.Failure{Document: "d0.yml", Phase: "build", Step: "s1", Action: "Script", Message: "exit status 1", Stderr: "why it failed"}
	if diff := cmp.Diff(want, result.FirstFailure); diff != "" {
		t.Error(diff)
	}

	if want := "Document d0.yml failed!"; result.FailureMessage != want {
		t.Errorf("failure message %q, want %q", result.FailureMessage, want)
	}
}

func TestTimeoutBoundsTheLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		start := time.Now()

		result, err := newRun(t, s, steps(`timeoutSeconds: 7, maxAttempts: 2, loop: {forEach: [say a, hang]}, inputs: {do: '{{ loop.value }}'}`)).Execute(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 14*time.Second {
			t.Errorf("took %s, want two attempts of 7 s", took)
		}
		if got := result.Documents[0].Phases[0].Steps[0].FailureMessage; got != "run loop: timed out after 7 seconds" {
			t.Errorf("message %q", got)
		}
	})
}

func TestNoTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*24*time.Hour)
		defer cancel()
		result, err := newRun(t, &script{}, steps(`timeoutSeconds: -1, inputs: {do: hang}`)).Execute(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || result.Status != component.Failed {
			t.Errorf("got %v and %s, want the end of the caller's context", err, result.Status)
		}
	})
}

func TestFaultsStopTheRunBeforeItStarts(t *testing.T) {
	t.Parallel()
	s := &script{}
	run := newRun(t, s, steps(`inputs: {do: say a}`), steps(`inputs: {do: '{{ Undeclared }}'}`))
	result, err := run.Execute(t.Context())

	var unusable component.InvalidError
	if !errors.As(err, &unusable) || unusable.Path != "d1.yml" || result.Status != component.Failed || len(s.done) > 0 {
		t.Errorf("got %v, ran %v", err, s.done)
	}
	run = newRun(t, s, steps(`inputs: {do: say a}`))
	run.Parameters = []component.Parameter{{Name: "Par", Value: "neither"}}
	if _, err := run.Execute(t.Context()); err == nil || !strings.Contains(err.Error(), "choose one of dflt, other") {
		t.Errorf("a value that is not allowed: %v", err)
	}

	run = newRun(t, s, steps(`inputs: {do: say a}`))
	run.Blocked = []string{"Script"}
	if _, err := run.Execute(t.Context()); err == nil || !strings.Contains(err.Error(), "blocked") {
		t.Errorf("a blocked action: %v", err)
	}
}

func TestParameterPrecedence(t *testing.T) {
	t.Parallel()
	s := &script{}
	run := newRun(t, s, steps(`inputs: {do: 'say {{ Par }}{{ Empty }}'}`))
	run.Parameters = []component.Parameter{{Name: "Par", Value: "dflt"}, {Name: "Empty", Value: "global"}, {Name: "Unknown", Value: "x"}}
	run.Documents[0].Parameters = []component.Parameter{{Name: "Par", Value: "other"}}
	if _, err := run.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"say otherglobal"}, s.done); diff != "" {
		t.Error(diff)
	}
}

// values is a parameter store that returns the name itself, in a form that would change if it were expanded again.
type values map[string]string

func (v values) Parameter(_ context.Context, name string) (string, error) {
	value, ok := v[name]
	if !ok {
		return "", fmt.Errorf("there is no parameter %s", name)
	}
	return value, nil
}

// listener is an Observer that keeps everything it receives.
type listener struct {
	lines []string
	steps []component.StepResult
}

func (l *listener) Planned(*component.Result) error { return nil }
func (l *listener) Console(line string)             { l.lines = append(l.lines, line) }
func (l *listener) Stepped(r *component.Result, at component.Place) error {
	l.steps = append(l.steps, *r.Step(at))
	return nil
}

func TestLookedUpValuesAreSecret(t *testing.T) {
	t.Parallel()
	s := &script{}
	heard := &listener{}
	events := []string{}
	run := newRun(t, s, steps(`inputs: {do: 'say {{ aws:ssm:/password }} {{ aws:ssm:resolve(Empty) }}'}`,
		`inputs: {do: 'say chained {{ build.s0.outputs.stdout }}'}`, `disableLogging: true, inputs: {do: say private}`,
		`onFailure: Ignore, inputs: {do: '{{ aws:ssm:/none }}'}`))

	run.Values = values{"/password": "pa{{ Par }}ss\"word", "/name": "longer-secret"}
	run.Documents[0].Parameters = []component.Parameter{{Name: "Empty", Value: "/name"}}
	run.Observer = heard
	run.Mask = func(text string) string { return strings.ReplaceAll(text, "chained", "(masked)") }
	run.Report = func(e progress.Event) { events = append(events, e.Text) }
	if _, err := run.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}

	want := []string{`say pa{{ Par }}ss"word longer-secret`, `say chained pa{{ Par }}ss"word longer-secret`, "say private"}
	if diff := cmp.Diff(want, s.done); diff != "" {
		t.Errorf("what ran: -want +got\n%s", diff)
	}
	told := strings.Join(heard.lines, "\n") + strings.Join(events, "\n") + fmt.Sprintf("%+v", heard.steps)
	for _, secret := range []string{"pa{{", "word", "longer-secret", "chained", "private"} {
		if strings.Contains(told, secret) {
			t.Errorf("%q is told: %s", secret, told)
		}
	}

	if got := heard.steps[0].Inputs; got != `[{"do":"say *** ***","mode":"plain","note":""}]` {
		t.Errorf("inputs in the log: %s", got)
	}
	if got := heard.steps[3].FailureMessage; got != "resolve {{ aws:ssm:/none }}: look up parameter: there is no parameter /none" {
		t.Errorf("message %q", got)
	}
}

func TestNestedDocuments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}

	call := func(path, more string) string {
		return fmt.Sprintf("schemaVersion: 1.0\nparameters: [{Par: {type: string, default: x}}]\nphases:\n  - name: build\n    steps:\n"+
			"      - {name: call, action: ExecuteDocument, inputs: {document: '%s'%s}}\n", path, more)
	}
	write("leaf.yml", steps(`inputs: {do: 'say {{ Par }}'}`, "phase validate", `inputs: {do: say unselected}`))
	write("l3.yml", call("leaf.yml", ""))
	write("l2.yml", call("l3.yml", ""))
	write("l1.yml", call("l2.yml", ""))
	write("cycle.yml", call("cycle.yml", ""))
	write("fail.yml", steps(`inputs: {do: fail}`))

	tests := []struct {
		name, document, status, message string
		done                            []string
	}{
		{"parameters and phases", call("leaf.yml", ", phases: build, parameters: [{name: Par, value: other}]"), "success", "", []string{"say other"}},
		{"three levels below the top", call("l2.yml", ""), "success", "", []string{"say dflt", "say unselected"}},
		{"four levels below the top", call("l1.yml", ""), "failed", "Document " + filepath.Join(dir, "l1.yml") + " failed!", nil},
		{"a cycle", call("cycle.yml", ""), "failed", "Document " + filepath.Join(dir, "cycle.yml") + " failed!", nil},
		{"a failure", call("fail.yml", ""), "failed", "Document " + filepath.Join(dir, "fail.yml") + " failed!", []string{"fail"}},
		{"a missing file", call("none.yml", ""), "failed", "open document none.yml: open " + filepath.Join(dir, "none.yml") + ": no such file or directory", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &script{}
			run := newRun(t, s, test.document)
			run.Dir = dir
			result, err := run.Execute(t.Context())
			if err != nil {
				t.Fatal(err)
			}

			step := result.Documents[0].Phases[0].Steps[0]
			if string(step.Status) != test.status || step.FailureMessage != test.message {
				t.Errorf("got %s %q, want %s %q", step.Status, step.FailureMessage, test.status, test.message)
			}
			if diff := cmp.Diff(test.done, s.done); diff != "" {
				t.Error(diff)
			}
		})
	}
}
