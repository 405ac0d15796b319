package venv

import (
	"path/filepath"
	"sync"
	"testing"
)

// coldsnapVersion is the crate's, of 18 August 2026.
const coldsnapVersion = "0.12.0"

// Coldsnap returns the program coldsnap, which copies disks into EBS snapshots and back, as another client than this
// project's. The first call on a machine compiles it with the versions of its own lock file, which takes minutes.
// Without cargo and a crate registry the test is skipped, but not where CI is set.
func Coldsnap(tb testing.TB) string {
	tb.Helper()
	path, err := coldsnap()
	need(tb, err)
	return path
}

var coldsnap = sync.OnceValues(func() (string, error) {
	dir, err := installed("test-coldsnap", []byte(coldsnapVersion), func(dir string) error {
		return run(dir, "nice", "cargo", "install", "--quiet", "--locked", "--root", dir, "coldsnap", "--version", coldsnapVersion)
	})
	return filepath.Join(dir, "bin", "coldsnap"), err
})
