package stacktest_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/venv"
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

// TestSmokeScriptWantsToBeTold runs the script as nobody means it to be run: it must stop before it calls anything.
func TestSmokeScriptWantsToBeTold(t *testing.T) {
	t.Parallel()
	region, account, costs := "SMOKE_REGION=eu-central-1", "SMOKE_ACCOUNT=123456789012", "SMOKE_COSTS=accepted"
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
