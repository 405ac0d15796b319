package filelock

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

func open(t *testing.T, name string) *os.File {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// A process that was started while the lock was held may have a copy of the file for longer than the lock is wanted.
func TestCloseReleasesALockWhoseFileAnotherProcessHas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := open(t, dir)
	lock, err := Exclusive(file)
	if err != nil {
		t.Fatal(err)
	}

	heir := exec.CommandContext(t.Context(), "cat")
	heir.ExtraFiles = []*os.File{file}
	in, err := heir.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := heir.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(in.Close(), heir.Wait()); err != nil {
			t.Error(err)
		}
	}()

	if _, err := Exclusive(open(t, dir)); !errors.Is(err, ErrHeld) {
		t.Fatalf("a second lock: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Exclusive(open(t, dir)); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

func TestSharedLocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		if _, err := Shared(open(t, dir)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Exclusive(open(t, dir)); !errors.Is(err, ErrHeld) {
		t.Errorf("an exclusive lock beside shared ones: %v", err)
	}
}
