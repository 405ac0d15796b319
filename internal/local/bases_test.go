package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/image"
)

func addBase(t *testing.T, s *Store, name, digit string) image.Base {
	t.Helper()
	run, err := s.NewRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(run.Dir, "disk.raw"), digit)

	base, err := run.CommitBase(t.Context(), image.Base{Name: name, SHA256: strings.Repeat(digit, 64)})
	if err := errors.Join(err, run.Close()); err != nil {
		t.Fatal(err)
	}

	return base
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Two names of equal disks share one file, which stays as long as either name does.
func TestBasesShareDisks(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	one := addBase(t, s, "debian:bookworm", "a")

	two := addBase(t, s, "mine", "a")
	if one.Disk != two.Disk {
		t.Fatalf("equal disks lie in %s and %s", one.Disk, two.Disk)
	}
	if err := s.RemoveBase(t.Context(), "debian:bookworm"); err != nil {
		t.Fatal(err)
	}

	got, err := s.Base(t.Context(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(got.Disk); string(text) != "a" || err != nil {
		t.Errorf("disk: %q, %v", text, err)
	}
	if err := s.RemoveBase(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}

	expectFiles(t, filepath.Join(s.dir, basesDir), 0)
	expectFiles(t, filepath.Join(s.dir, runsDir), 0)

	if missing := (*MissingError)(nil); !errors.As(s.RemoveBase(t.Context(), "mine"), &missing) {
		t.Error("a base could be removed twice")
	}
}

// A base built again takes the name; the disk without a name goes with the next command.
func TestBaseBuiltAgain(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	addBase(t, s, "debian:bookworm", "a")
	renewed := addBase(t, s, "debian:bookworm", "b")
	bases, err := open(t, s.dir).Bases(t.Context())
	if err != nil || len(bases) != 1 || bases[0].Disk != renewed.Disk {
		t.Errorf("Bases: %v, %v", bases, err)
	}
	expectFiles(t, filepath.Join(s.dir, basesDir), 1)
}

func TestCommitBaseRefusesPaths(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	run, err := s.NewRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.CommitBase(t.Context(), image.Base{SHA256: "../../x"}); err == nil {
		t.Error("a path was taken for a digest")
	}

	if err := run.Close(); err != nil {
		t.Error(err)
	}
}
