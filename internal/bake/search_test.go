package bake

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/mountns/mountnstest"
	"image-builder/internal/secret"
)

func TestMain(m *testing.M) {
	mountnstest.Enter()
	os.Exit(m.Run())
}

// searched makes an ext4 disk filled by fill, and searches it for the token as the seal of a bake does.
func searched(t *testing.T, allowed []string, fill func(tree string)) (*image.Search, error) {
	t.Helper()
	d := built(t, allowed)
	filled(t, d, fill)
	return Bake{Now: time.Now}.search(t.Context(), d)
}

// built is a bake whose documents ran on a small ext4 disk.
func built(t *testing.T, allowed []string) Definition {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it mounts a disk")
	}
	dir := t.TempDir()
	d := Definition{
		Dir: dir, AllowLeak: allowed, Base: image.Base{Disk: filepath.Join(dir, "base.raw")},
		hidden: secret.NewSet([]secret.Secret{{Name: "token", Value: []byte(token + "\n")}}),
	}

	system := filepath.Join(dir, "system")
	if err := os.MkdirAll(filepath.Join(system, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(system, "etc/os-release"), "ID=debian\n")
	put(t, filepath.Join(system, "program"), strings.Repeat("a program of the base\n", 100_000))

	for _, path := range []string{d.Base.Disk, d.disk()} {
		err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 64<<20))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", "-d", system, path).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}

	return d
}

func filled(t *testing.T, d Definition, fill func(tree string)) {
	t.Helper()
	tree := filepath.Join(d.Dir, "tree")
	if err := os.Mkdir(tree, 0o700); err != nil {
		t.Fatal(err)
	}
	mount, err := disk.Open(t.Context(), d.disk(), tree)
	if err != nil {
		t.Fatal(err)
	}

	fill(mount.Dir())
	if err := mount.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A disk full of secrets is a leak like any other: it has a place, and an allowed file does not excuse what was not
// looked at.
func TestDiskFullOfSecretsIsALeak(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string][]string{"": nil, "allowed": {"/everywhere"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := searched(t, allowed, func(tree string) {
				put(t, filepath.Join(tree, "everywhere"), strings.Repeat(token+"\n", 150_000))
			})

			var leak *LeakError
			if !errors.As(err, &leak) || !leak.More {
				t.Fatalf("got %v, want a LeakError that says there is more", err)
			}
			if !strings.Contains(err.Error(), "the search ended at 100000 places") {
				t.Errorf("the error is %.300s", err)
			}
			if allowed == nil && (len(leak.Leaks) != 100_000 || leak.Leaks[0].File != "/everywhere" || !strings.Contains(err.Error(), "in /everywhere at byte ")) {
				t.Errorf("%d leaks, %.300s", len(leak.Leaks), err)
			}
		})
	}
}

// Either name of a file with several may be allowed, and a leak names them.
func TestHardLinksAreOneFile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		allowed []string
		leaks   bool
	}{
		"none":       {nil, true},
		"the first":  {[]string{"/a-key"}, false},
		"the second": {[]string{"/z-key"}, false},
		"another":    {[]string{"/m-key"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := searched(t, test.allowed, func(tree string) {
				put(t, filepath.Join(tree, "a-key"), "key = "+token)
				put(t, filepath.Join(tree, "m-key"), "no secret")
				if err := os.Link(filepath.Join(tree, "a-key"), filepath.Join(tree, "z-key")); err != nil {
					t.Fatal(err)
				}
			})

			if (err != nil) != test.leaks {
				t.Fatalf("got %v, want a leak: %v", err, test.leaks)
			}
			if want := "in /a-key (also named /z-key) at byte"; err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("error is %v, want it to say %q", err, want)
			}
		})
	}
}

const token = "tok_5f1c0b9a8d7e6f3a"

func TestLeakErrorNamesPlacesNotSecrets(t *testing.T) {
	t.Parallel()
	leaks := []Leak{
		{Secret: "token", Form: "base64", Offset: 4096, File: "/etc/leaked", FileOffset: 12},
		{Secret: "token", Form: "plain", Offset: 8192},
	}
	want := "search disk for secrets: found token (base64) in /etc/leaked at byte 12 (byte 4096 of the disk); " +
		"token (plain) at byte 8192 of the disk, in no file: deleted, or in the file system's own records"
	if diff := cmp.Diff(want, (&LeakError{Leaks: leaks}).Error()); diff != "" {
		t.Error(diff)
	}
}
