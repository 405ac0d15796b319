package stacktest_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/venv"
	"image-builder/internal/testbed/wire"
)

func TestShellcheckFindsNothingInScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("../../scripts/*")
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--severity=warning", "../../.ci/run"}, scripts...)
	if out, err := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(venv.Python(t)), "shellcheck"), args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSmokeScriptWantsToBeTold runs the script without its settings: it must stop before it calls anything.
func TestSmokeScriptWantsToBeTold(t *testing.T) {
	t.Parallel()
	region := "SMOKE_REGION=eu-central-1"
	account := "SMOKE_ACCOUNT=123456789012"

	costs := "SMOKE_COSTS=accepted"
	for want, env := range map[string][]string{
		"set SMOKE_COSTS=accepted": {region, account, "SMOKE_COSTS=yes"},
		"set SMOKE_REGION":         {account, costs},
		"set SMOKE_ACCOUNT":        {region, costs},
		"CI is set":                {region, account, costs, "CI=true"},
		"install awscli":           {region, account, costs},
	} {
		script := exec.CommandContext(t.Context(), "/bin/bash", "../../scripts/smoke-aws")
		script.Env = append(env, "PATH=/nowhere") // without it, there is no program that it could call
		out, _ := script.CombinedOutput()
		if script.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), want) {
			t.Errorf("it ends with %d, want 2 and %q:\n%s", script.ProcessState.ExitCode(), want, out)
		}
	}
}

// TestSmokeScript runs the script in an account without AWS. Whatever happens, nothing that it made may be left, or it must
// say so.
func TestSmokeScript(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arrange func(*world)
		ends    int
		says    []string
		left    []string
	}{
		"all holds": {func(*world) {}, 0, []string{"all held, in", "and nothing is left"}, nil},
		"the build fails, and so does the cleaning": {func(w *world) {
			w.ImageBuilder.Next(imagebuilder.Script{FailIn: "BUILDING", Reason: "it did not work out"})
			w.Fail("ssm", "DeleteParameter", wire.Fault{Code: "AccessDeniedException", Message: "no"}, 1)
		}, 1, []string{"it did not work out", "remove by hand", "/base-ami: "}, []string{"parameter base-ami"}},
		"it is interrupted while the image is built": {func(w *world) {
			w.ImageBuilder.Next(imagebuilder.Script{Polls: map[string]int{"BUILDING": 1000}})
			w.interrupted = "BUILDING"
		}, 130, []string{"removing what was made"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.arrange(w)

			ended, said := w.smoke(t)
			if ended != test.ends {
				t.Errorf("the script ends with %d, want %d", ended, test.ends)
			}

			for _, want := range test.says {
				if !strings.Contains(said, want) {
					t.Errorf("the script does not say %q", want)
				}
			}

			if diff := cmp.Diff(test.left, w.left(t, said)); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}

			if t.Failed() {
				t.Log(said)
			}
		})
	}
}
