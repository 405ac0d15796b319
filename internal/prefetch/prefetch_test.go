package prefetch

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
	"image-builder/internal/disk"
	"image-builder/internal/mountns/mountnstest"
)

func TestMain(m *testing.M) {
	mountnstest.Enter()
	os.Exit(m.Run())
}

// small is an ext4 disk without partitions, whose root has files.
func small(t *testing.T, names ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it mounts a disk")
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	for _, name := range append(names, "etc/os-release") {
		if err := os.MkdirAll(filepath.Join(tree, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tree, name), []byte("of the base\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}

	path := filepath.Join(dir, "disk.raw")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", "-d", tree, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	return path
}

// text reads a file of a disk; "" if it is not there.
func text(t *testing.T, path, name string) string {
	t.Helper()
	var text []byte
	err := disk.Inspect(t.Context(), path, func(tree *os.Root) (err error) {
		text, err = tree.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A disk gets what its boot read; a second time it gets what its boot then read.
func TestDisk(t *testing.T) {
	t.Parallel()
	path := small(t, "usr/lib/systemd/systemd", "usr/bin/python3")
	work := t.TempDir()
	reads := []blockserver.Read{{Offset: 8 << 20, Length: 4096}, {Offset: 1000, Length: 24}, {Offset: 8 << 20, Length: 8192}, {Offset: 16<<20 - 512, Length: 512}}
	prefetch := Prefetch{Boot: func(_ context.Context, booted string) (bootmap.Boot, error) {
		if booted != path || text(t, path, listPath) != "" || text(t, path, wantPath) != string(unitText) || text(t, path, script) != string(scriptText) {
			t.Errorf("%s is booted with list %q, unit %q", booted, text(t, path, listPath), text(t, path, wantPath))
		}
		return bootmap.Boot{Reads: reads, Login: 2 * time.Second, Accel: "tcg"}, nil
	}}

	made, err := prefetch.Disk(t.Context(), path, work)
	if err != nil || made.Runs != 3 || made.Bytes != 16384 || time.Duration(made.Booted) != 2*time.Second || made.Accelerator != "tcg" {
		t.Errorf("%+v, %v", made, err)
	}
	if list := text(t, path, listPath); list != "# start 0\n8388608 8192\n0 4096\n16773120 4096\n" {
		t.Errorf("list %q", list)
	}

	reads = reads[:1]
	if _, err := prefetch.Disk(t.Context(), path, work); err != nil {
		t.Error(err)
	}
	if list := text(t, path, listPath); list != "# start 0\n8388608 4096\n" {
		t.Errorf("second list %q", list)
	}
	if left, _ := os.ReadDir(work); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := disk.Check(t.Context(), path); err != nil {
		t.Error(err)
	}
}

// An image that nothing would read ahead in is refused, and one that does not boot has no list.
func TestDiskRefused(t *testing.T) {
	t.Parallel()
	boots := 0
	prefetch := Prefetch{Boot: func(context.Context, string) (bootmap.Boot, error) {
		boots++
		return bootmap.Boot{}, errors.New("no login prompt")
	}}
	for reason, names := range map[string][]string{"it has no systemd": {"sbin/init", "usr/bin/python3"}, "it has no /usr/bin/python3": {"usr/lib/systemd/systemd"}} {
		path := small(t, names...)
		_, err := prefetch.Disk(t.Context(), path, t.TempDir())
		unusable := (*disk.Unusable)(nil)
		if !errors.As(err, &unusable) || unusable.Path != path || !strings.Contains(unusable.Reason, reason) || boots > 0 || text(t, path, unitPath) != "" {
			t.Errorf("%s: %v, %d boots", reason, err, boots)
		}
	}

	path := small(t, "usr/lib/systemd/systemd", "usr/bin/python3")
	if _, err := prefetch.Disk(t.Context(), path, t.TempDir()); err == nil || !strings.Contains(err.Error(), "no login prompt") || text(t, path, listPath) != "" {
		t.Errorf("%v, list %q", err, text(t, path, listPath))
	}
}

// The base is not trusted: what it has in the unit's place is neither followed nor kept.
func TestDiskOfAHostileBase(t *testing.T) {
	t.Parallel()
	path := small(t, "usr/lib/systemd/systemd", "usr/bin/python3")
	outside := filepath.Join(t.TempDir(), "outside")
	change := func(change func(tree *os.Root) error) error {
		return Prefetch{}.change(t.Context(), path, t.TempDir(), change)
	}
	if err := change(func(tree *os.Root) error {
		return errors.Join(tree.MkdirAll(filepath.Dir(unitPath), 0o755), tree.Symlink("/usr/lib/systemd/systemd", unitPath))
	}); err != nil {
		t.Fatal(err)
	}
	boot := Prefetch{Boot: func(context.Context, string) (bootmap.Boot, error) { return bootmap.Boot{}, nil }}
	if _, err := boot.Disk(t.Context(), path, t.TempDir()); err != nil || text(t, path, "usr/lib/systemd/systemd") != "of the base\n" || text(t, path, unitPath) != string(unitText) {
		t.Errorf("%v, %q", err, text(t, path, unitPath))
	}

	if err := change(func(tree *os.Root) error {
		return errors.Join(tree.RemoveAll("usr/lib/image-builder"), tree.Symlink(outside, "usr/lib/image-builder"), os.Mkdir(outside, 0o755))
	}); err != nil {
		t.Fatal(err)
	}
	_, err := boot.Disk(t.Context(), path, t.TempDir())
	if left, _ := os.ReadDir(outside); err == nil || len(left) > 0 {
		t.Errorf("%v, written outside: %v", err, left)
	}
}
