package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"image-builder/internal/image"
)

// clock is the time in these tests.
func clock() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	return s
}

// commit bakes an image of one line.
func commit(t *testing.T, s *Store, parameter string) image.Image {
	t.Helper()
	run, err := s.NewRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := run.Close(); err != nil {
			t.Error(err)
		}
	}()

	img, err := run.Commit(t.Context(), fill(t, run, parameter))
	if err != nil {
		t.Fatal(err)
	}

	return img
}

// fill writes what a bake leaves into the run's directory.
func fill(t *testing.T, run *Run, parameter string) image.Image {
	t.Helper()
	img := image.Image{
		ID: run.ID, Name: "agent", Base: "debian:bookworm", Arch: image.X86_64, Parameter: parameter, Created: clock(),
		Disk:  filepath.Join(run.Dir, "disk.raw"),
		Steps: []image.Step{{Log: filepath.Join(run.Dir, "logs", "01-one.log"), Elapsed: image.Duration(time.Second)}, {}},
	}

	if err := os.Mkdir(filepath.Join(run.Dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}

	for _, file := range []string{img.Disk, img.Steps[0].Log} {
		if err := os.WriteFile(file, []byte(run.ID), 0o400); err != nil {
			t.Fatal(err)
		}
	}

	return img
}

// expectNothing checks that no image, parameter, event or file of one is visible.
func expectNothing(t *testing.T, s *Store) {
	t.Helper()
	images, err := s.Images(t.Context())
	parameters, err2 := s.Parameters(t.Context())

	events, err3 := s.Events(t.Context(), 0)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	if len(images)+len(parameters)+len(events) > 0 {
		t.Errorf("visible: %v %v %v", images, parameters, events)
	}

	expectFiles(t, filepath.Join(s.dir, imagesDir), 0)
}

func expectFiles(t *testing.T, dir string, want int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != want {
		t.Errorf("%s holds %v, want %d entries", dir, entries, want)
	}
}

func TestOpenKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a b%20?c#d")
	first := open(t, dir)
	want := commit(t, first, "/out")
	got, err := open(t, dir).Image(t.Context(), want.ID)
	if err != nil || got.Disk != want.Disk {
		t.Fatalf("Image: %+v, %v", got, err)
	}
}

// A moved data directory keeps its images: the records hold no absolute paths.
func TestDataDirectoryMoves(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(parent, "old"), clock)
	if err != nil {
		t.Fatal(err)
	}

	id := commit(t, s, "").ID
	if err := errors.Join(s.Close(), os.Rename(filepath.Join(parent, "old"), filepath.Join(parent, "new"))); err != nil {
		t.Fatal(err)
	}
	img, err := open(t, filepath.Join(parent, "new")).Image(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}

	for _, file := range []string{img.Disk, img.Steps[0].Log} {
		if text, err := os.ReadFile(file); string(text) != id {
			t.Errorf("%s holds %q, %v", file, text, err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := Open(b.Context(), dir, clock)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
