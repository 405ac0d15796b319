package venv

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// coldsnapVersion is the crate's version, of 18 August 2026.
const coldsnapVersion = "0.12.0"

// compiling is the environment variable that lets Coldsnap compile the program, as `.ci/run` does before the tests: it
// takes longer than a test may.
const compiling = "IMAGE_BUILDER_COLDSNAP"

// Coldsnap returns the program coldsnap, an independent client that copies disks into EBS snapshots and back. It is
// compiled once on a machine, with the versions of its own lock file, and only if IMAGE_BUILDER_COLDSNAP is set.
// Without it the test is skipped, or fails if CI is set.
func Coldsnap(tb testing.TB) string {
	tb.Helper()
	path, err := coldsnap()
	need(tb, err)
	return path
}

// ColdsnapProgram is Coldsnap for programs that are not tests.
func ColdsnapProgram() (string, error) { return coldsnap() }

var coldsnap = sync.OnceValues(func() (string, error) {
	dir, err := installed("test-coldsnap", []byte(coldsnapVersion), func(dir string) error {
		if os.Getenv(compiling) == "" {
			return fmt.Errorf("find coldsnap: it is not compiled yet: %s=1 go test -timeout 60m -run TestColdsnap ./internal/testbed/venv", compiling)
		}
		return run(dir, "nice", "cargo", "install", "--quiet", "--locked", "--root", dir, "coldsnap", "--version", coldsnapVersion)
	})
	return filepath.Join(dir, "bin", "coldsnap"), err
})
