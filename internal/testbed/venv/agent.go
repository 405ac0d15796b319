package venv

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// agentPins are the go.mod and go.sum with which Buildkite's agent is compiled: `go get -tool` of another version in a directory
// with agent.mod as go.mod updates them.
//
//go:embed agent.mod agent.sum
var agentPins embed.FS

// AgentVersion is the version of agent.mod.
const AgentVersion = "3.137.2"

// compilingAgent is the environment variable that lets Agent compile the program, as `.ci/run` does before the tests.
const compilingAgent = "IMAGE_BUILDER_AGENT"

// Agent returns the program buildkite-agent, statically linked, for first jobs in tests. It is compiled once on a machine,
// and only if IMAGE_BUILDER_AGENT is set. Without it the test is skipped, or fails if CI is set.
func Agent(tb testing.TB) string {
	tb.Helper()
	path, err := agent()
	need(tb, err)
	return path
}

// AgentProgram is Agent for what is not a test: an error says how the program is compiled.
func AgentProgram() (string, error) { return agent() }

var agent = sync.OnceValues(func() (string, error) {
	module, err := agentPins.ReadFile("agent.mod")
	if err != nil {
		return "", err
	}
	sums, err := agentPins.ReadFile("agent.sum")
	if err != nil {
		return "", err
	}

	dir, err := installed("test-agent", slices.Concat(module, sums), func(dir string) error {
		if os.Getenv(compilingAgent) == "" {
			return fmt.Errorf("find buildkite-agent: it is not compiled yet: %s=1 go test -timeout 60m -run TestAgent ./internal/testbed/venv", compilingAgent)
		}
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), module, 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644); err != nil {
			return err
		}
		return run(dir, "nice", "env", "CGO_ENABLED=0", "GOFLAGS=-trimpath", "go", "build", "-ldflags=-s -w", "-o", agentProgram, "github.com/buildkite/agent/v3")
	})

	return filepath.Join(dir, agentProgram), err
})

const agentProgram = "buildkite-agent"
