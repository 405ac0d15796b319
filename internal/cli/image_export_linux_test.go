package cli

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// An export removes what killed exports left; running exports and other files stay.
func TestExportRemovesRemains(t *testing.T) {
	t.Parallel()
	beside := t.TempDir()
	running, lock, err := workDir(beside)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()

	dead := filepath.Join(beside, exportPrefix+"123")
	foreign := filepath.Join(beside, exportPrefix+"notes")
	for _, dir := range []string{running, dead, foreign} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "disk"), []byte("data"), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	empty := filepath.Join(beside, exportPrefix+"124") // killed before it wrote, or after it gave the disk its name
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}

	next, nextLock, err := workDir(beside)
	if err != nil {
		t.Fatal(err)
	}
	defer nextLock.Close()

	for _, remains := range []string{dead, empty} {
		if _, err := os.Stat(remains); !os.IsNotExist(err) {
			t.Errorf("the remains of a killed export are still there: %v", err)
		}
	}

	for _, dir := range []string{running, foreign} {
		if _, err := os.Stat(filepath.Join(dir, "disk")); err != nil {
			t.Error(err)
		}
	}

	if _, err := os.Stat(next); err != nil {
		t.Error(err)
	}
}

// Exports that begin at once each have a directory of their own: none takes the other's for remains.
func TestExportsBeginAtOnce(t *testing.T) {
	t.Parallel()
	beside := t.TempDir()

	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				dir, lock, err := workDir(beside)
				if err != nil {
					t.Error(err)
					return
				}
				if err := os.WriteFile(filepath.Join(dir, "disk"), nil, 0o600); err != nil {
					t.Error(err)
				}
				if err := errors.Join(os.RemoveAll(dir), lock.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}

	all.Wait()
}
