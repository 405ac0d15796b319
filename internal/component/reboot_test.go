package component_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
)

// reboots executes run until it no longer asks for a reboot, as a machine that starts it at every boot.
func reboots(t *testing.T, run *component.Run) (component.Result, int) {
	t.Helper()
	for n := 0; ; n++ {
		result, err := run.Execute(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if result.Reboot == nil {
			return result, n
		}
		if result.Status != component.Rebooting {
			t.Fatalf("status %s while a reboot is wanted", result.Status)
		}
	}
}

func TestReboot(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, document string
		reboots        int
		want           string
		done           []string
	}{
		{
			"the same step again, its condition not", steps(`inputs: {do: say out}`,
				`if: {stringEquals: a, value: a}, inputs: {do: reboot-times 2}`, `inputs: {do: 'say {{ build.s0.outputs.stdout }}'}`), 2,
			"s0:success s1:success s2:success build=success success | success executed 3 failed 0 ignored 0",
			[]string{"say out", "reboot-times 2", "reboot-times 2", "reboot-times 2", "say out"},
		},
		{
			"the next step", steps(`inputs: {do: next}`, `inputs: {do: say b}`, "phase validate", `inputs: {do: next}`), 2,
			"s0:success s1:success build=success s3:success validate=success success | success executed 3 failed 0 ignored 0",
			[]string{"next", "say b", "next"},
		},
		{
			"a reboot costs no attempt", steps(`maxAttempts: 2, loop: {forEach: [fail-times 1, reboot-times 1]}, inputs: {do: '{{ loop.value }}'}`), 1,
			"s0:success build=success success | success executed 1 failed 0 ignored 0",
			[]string{"fail-times 1", "fail-times 1", "reboot-times 1", "reboot-times 1"},
		},
		{
			"a loop goes on where it was", steps(`loop: {forEach: [say a, next, reboot-times 1, say b]}, inputs: {do: '{{ loop.value }}'}`,
				`inputs: {do: 'say {{ build.s0.outputs.stdout }}'}`), 2,
			"s0:success s1:success build=success success | success executed 2 failed 0 ignored 0",
			[]string{"say a", "next", "reboot-times 1", "reboot-times 1", "say b", "say a\n1\nb"},
		},
		{
			"failures before it are remembered", steps(`onFailure: Continue, inputs: {do: fail}`, `inputs: {do: next}`), 1,
			"s0:failed s1:success build=failed failed | failed executed 2 failed 1 ignored 0",
			[]string{"fail", "next"},
		},
		{
			"no more than 15", steps(`inputs: {do: reboot}`), 15,
			"s0:failed build=failed failed | failed executed 1 failed 1 ignored 0",
			strings.Split(strings.TrimSuffix(strings.Repeat("reboot,", 16), ","), ","),
		},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &script{}
			run := newRun(t, s, test.document)
			run.StateDir = filepath.Join(t.TempDir(), "state")
			result, n := reboots(t, run)
			if n != test.reboots {
				t.Errorf("rebooted %d times, want %d", n, test.reboots)
			}
			if diff := cmp.Diff(test.want, statuses(result)); diff != "" {
				t.Errorf("statuses: -want +got\n%s", diff)
			}

			if diff := cmp.Diff(test.done, s.done); diff != "" {
				t.Errorf("what ran: -want +got\n%s", diff)
			}
			if left, _ := os.ReadDir(run.StateDir); len(left) > 0 {
				t.Errorf("state is left behind: %v", left)
			}
		})
	}
}

func TestRebootInsideNestedDocuments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()

	inner := steps(`inputs: {do: say first}`, `inputs: {do: reboot-times 1}`, `inputs: {do: 'say {{ build.s0.outputs.stdout }} {{ Par }}'}`)
	if err := os.WriteFile(filepath.Join(dir, "inner.yml"), []byte(inner), 0o600); err != nil {
		t.Fatal(err)
	}
	outer := strings.Replace(steps(`loop: {forEach: [dflt, other]}, inputs: {document: inner.yml, parameters: [{name: Par, value: '{{ loop.value }}'}]}`),
		"action: Script", "action: ExecuteDocument", 1)

	s := &script{}
	run := newRun(t, s, outer)
	run.Dir = dir
	run.StateDir = filepath.Join(dir, "state")
	result, n := reboots(t, run)

	want := []string{"say first", "reboot-times 1", "reboot-times 1", "say first dflt", "say first", "reboot-times 1", "say first other"}
	if diff := cmp.Diff(want, s.done); diff != "" || n != 1 || result.Status != component.Success {
		t.Errorf("after %d reboots %s: -want +got\n%s", n, result.Status, diff)
	}
}

func TestRebootNeedsAStateDirectory(t *testing.T) {
	t.Parallel()
	result, err := newRun(t, &script{}, steps(`inputs: {do: reboot}`)).Execute(t.Context())
	if err != nil || result.Status != component.Failed || !strings.Contains(result.FirstFailure.Message, "no state directory") {
		t.Errorf("got %v, %+v", err, result)
	}
}

func TestStateOfAnotherRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := newRun(t, &script{}, steps(`inputs: {do: next}`, `inputs: {do: say a}`))
	first.StateDir = dir
	if result, err := first.Execute(t.Context()); err != nil || result.Reboot == nil {
		t.Fatalf("got %v %v", result, err)
	}
	if id, err := component.Pending(dir); id != "test" || err != nil {
		t.Errorf("pending is %q, %v", id, err)
	}

	other := newRun(t, &script{}, steps(`inputs: {do: say else}`))
	other.StateDir = dir
	if _, err := other.Execute(t.Context()); err == nil || !strings.Contains(err.Error(), "holds execution test of other documents") {
		t.Errorf("another document: %v", err)
	}
	phases := newRun(t, &script{}, steps(`inputs: {do: next}`, `inputs: {do: say a}`))
	phases.StateDir = dir
	phases.Phases = []string{"build"}
	if _, err := phases.Execute(t.Context()); err == nil {
		t.Error("other phases resume the run")
	}

	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Execute(t.Context()); err == nil || !strings.Contains(err.Error(), "remove it to start from scratch") {
		t.Errorf("a broken state: %v", err)
	}
	if id, err := component.Pending(t.TempDir()); id != "" || err != nil {
		t.Errorf("pending in an empty directory is %q, %v", id, err)
	}
}
