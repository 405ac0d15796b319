package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/image"
)

func TestCommit(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	img := commit(t, s, "/buildkite/agent-ami")
	reader := open(t, s.dir)
	got, err := reader.Image(t.Context(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(img, got); diff != "" {
		t.Error(diff)
	}

	if want := filepath.Join(s.dir, "images", img.ID, "logs", "01-one.log"); got.Steps[0].Log != want || got.Steps[1].Log != "" {
		t.Errorf("logs %q and %q, want %q and none", got.Steps[0].Log, got.Steps[1].Log, want)
	}
	parameter, err := reader.ParameterVersion(t.Context(), "/buildkite/agent-ami")
	if want := (Parameter{Name: "/buildkite/agent-ami", Value: img.ID, Version: 1, Changed: clock()}); err != nil || parameter != want {
		t.Errorf("parameter %+v, %v; want %+v", parameter, err, want)
	}

	events, err := reader.Events(t.Context(), 0)
	message := `{"event": "NewImage", "NewImage": {"ami": "` + img.ID + `"}}`
	if diff := cmp.Diff([]Event{{Number: 1, Created: clock(), Message: message}}, events); err != nil || diff != "" {
		t.Error(err, diff)
	}
	expectFiles(t, filepath.Join(s.dir, runsDir), 0)
}

func TestCommitFailedImage(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	run, err := s.NewRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	img := fill(t, run, "/out")
	img.Failed = "step build/one: exit status 1"
	if _, err := run.Commit(t.Context(), img); err != nil {
		t.Fatal(err)
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}

	events, err := s.Events(t.Context(), 0)
	parameters, err2 := s.Parameters(t.Context())
	if len(events) > 0 || len(parameters) > 0 || err != nil || err2 != nil {
		t.Errorf("a failed image was announced: %v %v %v %v", events, parameters, err, err2)
	}
	if _, err := s.Image(t.Context(), "latest"); err == nil {
		t.Error("a failed image counts as the latest")
	}
	if got, err := s.Image(t.Context(), img.ID); err != nil || got.Failed != img.Failed {
		t.Errorf("Image: %+v, %v", got, err)
	}
}

// After any error nothing of the image is visible and none of its files stays.
func TestCommitAllOrNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Store, *image.Image) error{
		"another ID": func(_ *Store, img *image.Image) error { img.ID = image.NewID(); return nil },
		"no disk":    func(_ *Store, img *image.Image) error { return os.Remove(img.Disk) },
		"a link for a disk": func(_ *Store, img *image.Image) error {
			return errors.Join(os.Remove(img.Disk), os.Symlink("/etc/passwd", img.Disk))
		},
		"a disk elsewhere":  func(_ *Store, img *image.Image) error { img.Disk = "/etc/passwd"; return nil },
		"a wrong parameter": func(_ *Store, img *image.Image) error { img.Parameter = "no blanks"; return nil },
		"an event that fails": func(s *Store, _ *image.Image) error {
			_, err := s.db.Exec("CREATE TRIGGER fail BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'spoilt'); END")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, t.TempDir())
			run, err := s.NewRun(t.Context())
			if err != nil {
				t.Fatal(err)
			}

			img := fill(t, run, "/out")
			if err := spoil(s, &img); err != nil {
				t.Fatal(err)
			}
			if _, err := run.Commit(t.Context(), img); err == nil {
				t.Error("Commit went through")
			}
			if err := run.Close(); err != nil {
				t.Error(err)
			}

			expectNothing(t, s)
			expectFiles(t, filepath.Join(s.dir, runsDir), 0)
		})
	}
}

func TestFindImage(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for _, id := range []string{"img-aa000000000000001", "img-ab000000000000002"} {
		run := &Run{ID: id, Dir: filepath.Join(s.dir, runsDir, id), store: s}
		if err := os.Mkdir(run.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := run.Commit(t.Context(), fill(t, run, "")); err != nil {
			t.Fatal(err)
		}
	}

	for name, test := range map[string]struct{ ask, want, error string }{
		"the whole ID":        {ask: "img-aa000000000000001", want: "img-aa000000000000001"},
		"a beginning":         {ask: "img-aa", want: "img-aa000000000000001"},
		"without the prefix":  {ask: "AB", want: "img-ab000000000000002"},
		"the newest":          {ask: "latest", want: "img-ab000000000000002"},
		"ambiguous":           {ask: "a", error: "several begin like that, such as img-aa000000000000001 and img-ab000000000000002"},
		"nothing like it":     {ask: "img-ff", error: "not found"},
		"a pattern, no match": {ask: "a%", error: "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := s.Image(t.Context(), test.ask)
			if missing := (*MissingError)(nil); test.error != "" && (!errors.As(err, &missing) || !strings.Contains(err.Error(), test.error)) {
				t.Errorf("Image: %v, want %q", err, test.error)
			}
			if got.ID != test.want {
				t.Errorf("Image: %q, want %q", got.ID, test.want)
			}
		})
	}
}

func TestRemoveImage(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	old := commit(t, s, "/out")
	current := commit(t, s, "/out")
	if err := s.RemoveImage(t.Context(), old.ID, false); err != nil {
		t.Fatal(err)
	}

	err := s.RemoveImage(t.Context(), current.ID, false)
	if inUse := (*InUseError)(nil); !errors.As(err, &inUse) || !strings.Contains(err.Error(), "the current value of parameter /out") {
		t.Fatalf("RemoveImage of the current image: %v", err)
	}
	if _, err := os.Stat(current.Disk); err != nil {
		t.Error("the refused image lost its disk:", err)
	}
	if err := s.RemoveImage(t.Context(), current.ID, true); err != nil {
		t.Fatal(err)
	}

	if missing := (*MissingError)(nil); !errors.As(s.RemoveImage(t.Context(), current.ID, true), &missing) {
		t.Error("an image could be removed twice")
	}
	expectFiles(t, filepath.Join(s.dir, imagesDir), 0)
	expectFiles(t, filepath.Join(s.dir, runsDir), 0)

	if value, err := s.Parameter(t.Context(), "/out"); value != current.ID || err != nil {
		t.Errorf("parameter: %q, %v", value, err)
	}
}
