package venv_test

import (
	"os/exec"
	"strings"
	"testing"

	"image-builder/internal/testbed/venv"
)

func TestColdsnap(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), venv.Coldsnap(t), "--help").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "coldsnap") {
		t.Errorf("coldsnap --help: %v, %s", err, out)
	}
}
