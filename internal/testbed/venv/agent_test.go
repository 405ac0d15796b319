package venv_test

import (
	"os/exec"
	"strings"
	"testing"

	"image-builder/internal/testbed/venv"
)

func TestAgent(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), venv.Agent(t), "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), venv.AgentVersion) {
		t.Errorf("buildkite-agent --version: %v, %s", err, out)
	}
}
