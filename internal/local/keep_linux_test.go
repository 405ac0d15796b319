package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/fault"

	"golang.org/x/sys/unix"
)

// Names that we do not make stay, even in a directory that is ours, and so does the target of a link.
func TestOnlyOurNamesAreRemoved(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	outside := t.TempDir()

	var kept []string
	for _, part := range []string{runsDir, imagesDir, basesDir, logsDir} {
		kept = append(kept, filepath.Join(s.dir, part, "holiday", "photo"))
	}

	kept = append(kept, filepath.Join(outside, "photo"))
	for _, file := range kept {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, file, "precious")
	}

	if err := os.Symlink(outside, filepath.Join(s.dir, runsDir, deadRun)); err != nil {
		t.Fatal(err)
	}

	open(t, s.dir)
	for _, file := range kept {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}

// A refused directory stays as it was: nothing is made in it and nothing removed.
func TestForeignDirectoryIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "images", "holiday", "photo")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}

	write(t, file, "precious")

	if _, err := Open(t.Context(), dir, clock); err == nil {
		t.Error("a directory of another owner was opened")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}

	expectFiles(t, dir, 1)
}

// When the database is lost, or emptied, every disk stays and can be taken back.
func TestLostDatabase(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(string) error{
		"removed": os.Remove,
		"emptied": func(file string) error { return os.Truncate(file, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			first, err := Open(t.Context(), dir, clock)
			if err != nil {
				t.Fatal(err)
			}

			base := addBase(t, first, "mine", "a")
			img := commit(t, first, "/out")

			if err := errors.Join(first.Close(), lose(filepath.Join(dir, storeFile))); err != nil {
				t.Fatal(err)
			}

			open(t, dir)
			s := open(t, dir)
			if unnamed, err := s.Unnamed(t.Context()); err != nil || len(unnamed) != 2 {
				t.Fatalf("unnamed: %q, %v", unnamed, err)
			}
			if adopted, err := s.Adopt(t.Context()); err != nil || len(adopted) != 2 {
				t.Fatalf("adopted: %q, %v", adopted, err)
			}

			got, err := s.Image(t.Context(), img.ID)
			if text, readErr := os.ReadFile(got.Disk); err != nil || readErr != nil || string(text) != img.ID || len(got.Steps) != 2 {
				t.Errorf("image %+v: %q, %v, %v", got, text, err, readErr)
			}
			if again, err := s.Base(t.Context(), "mine"); err != nil || again.Disk != base.Disk {
				t.Errorf("base %+v, %v", again, err)
			}
			if unnamed, err := s.Unnamed(t.Context()); err != nil || len(unnamed) != 0 {
				t.Errorf("still unnamed: %q, %v", unnamed, err)
			}
		})
	}
}

// A bake holds its base: removing it is refused with the process ID, and pulling another one leaves the disk.
func TestHeldBaseStays(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	base := addBase(t, s, "mine", "a")

	run, err := s.NewRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Hold(t.Context(), base); err != nil {
		t.Fatal(err)
	}

	other := open(t, s.dir)
	busy := (*BusyError)(nil)
	if err := other.RemoveBase(t.Context(), "mine"); !errors.As(err, &busy) {
		t.Fatalf("RemoveBase: %v", err)
	}
	if _, err := other.Base(t.Context(), "mine"); err != nil {
		t.Error(err)
	}

	addBase(t, other, "mine", "b")
	open(t, s.dir)

	if _, err := os.Stat(base.Disk); err != nil {
		t.Error(err)
	}

	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, s.dir)
	expectFiles(t, filepath.Join(s.dir, basesDir), 1)
}

// On a drive without a single free block, images are listed and removed, and then there is room.
func TestFullDrive(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := mountTmpfs(t, dir, "size=4m"); err != nil {
		t.Fatal(err)
	}

	s, err := Open(t.Context(), dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	img := commit(t, s, "")

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 8<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the drive did not fill: %v", err)
	}

	s = open(t, dir)
	if images, err := s.Images(t.Context()); err != nil || len(images) != 1 {
		t.Errorf("images: %v, %v", images, err)
	}
	if err := s.RemoveImage(t.Context(), img.ID, false); err != nil {
		t.Errorf("RemoveImage: %v", err)
	}

	expectFiles(t, filepath.Join(dir, imagesDir), 0)
}

// A store on a read-only drive asks for a writable one, not for another user.
func TestReadOnlyStore(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := mountTmpfs(t, dir, ""); err != nil {
		t.Fatal(err)
	}

	s, err := Open(t.Context(), dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	_, putErr := s.PutParameter(t.Context(), "/a", "b")
	if fault.ClassOf(putErr) != fault.BadMachine || !strings.Contains(fault.HintOf(putErr), "writable filesystem") {
		t.Errorf("PutParameter: %v (%s)", putErr, fault.HintOf(putErr))
	}
	_, err = s.NewRun(t.Context())
	if fault.ClassOf(err) != fault.BadMachine || !strings.Contains(fault.HintOf(err), "writable filesystem") {
		t.Errorf("NewRun: %v (%s)", err, fault.HintOf(err))
	}

	if images, err := open(t, dir).Images(t.Context()); err != nil || len(images) != 0 {
		t.Errorf("images: %v, %v", images, err)
	}
}

// The error names the process that holds the database.
func TestHeldDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	cmd := baker(t.Context(), dir, "hold")
	waitForLine(t, cmd)

	s, err := openWithin(t.Context(), dir, clock, time.Millisecond)
	if err == nil {
		_, err = s.PutParameter(t.Context(), "/a", "b")
		err = errors.Join(err, s.Close())
	}

	hint := fault.HintOf(err)
	if fault.ClassOf(err) != fault.BadMachine || !strings.Contains(hint, "another process uses") {
		t.Fatalf("Open: %v (%s)", err, hint)
	}
	if pids := holders(filepath.Join(dir, storeFile)); len(pids) > 0 && !strings.Contains(hint, processes(pids)) {
		t.Errorf("hint %q lacks %v", hint, pids)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
}
