package sandboxtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/disk"
	"image-builder/internal/sandbox"
)

// Listing is a line for each file of a disk's root: mode, owner, size, time of change, and digest or link target.
func Listing(tb testing.TB, path string) map[string]string {
	tb.Helper()
	lines := map[string]string{}
	must(tb, disk.Inspect(context.Background(), path, func(root *os.Root) error {
		return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := root.Lstat(name)
			if err != nil {
				return err
			}

			content, err := content(root, name, info.Mode())
			owner := info.Sys().(*syscall.Stat_t)
			lines[name] = fmt.Sprint(info.Mode(), owner.Uid, owner.Gid, info.Size(), info.ModTime().UnixNano(), content)
			return err
		})
	}))

	return lines
}

func content(root *os.Root, name string, mode fs.FileMode) (string, error) {
	switch mode.Type() {
	case fs.ModeSymlink:
		return root.Readlink(name)
	case 0:
		text, err := root.ReadFile(name)
		return fmt.Sprintf("%x", sha256.Sum256(text)), err
	default:
		return "", nil
	}
}

// use brings up a disk, runs a script and stops.
func use(t *testing.T, start Start, path, script string) {
	t.Helper()
	work := t.TempDir()
	m, err := start(t.Context(), path, work, nil)
	must(t, err)
	t.Cleanup(func() { _ = m.Stop(context.Background()) }) // should the script fail
	sh(t, m, script)
	must(t, m.Stop(t.Context()))
	left, err := os.ReadDir(work)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left in the work directory: %v", left)
	}
}

func untouched(t *testing.T, start Start) {
	t.Helper()
	for name, change := range map[string]func(tree string){
		"as it is":                      nil,
		"resolver's file":               writes("etc/resolv.conf", "nameserver 192.0.2.1\n"),
		"resolver linked to memory":     linked("etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf"),
		"resolver linked relative":      linked("etc/resolv.conf", "../run/resolvconf/resolv.conf"),
		"resolver linked to nowhere":    linked("etc/resolv.conf", "/var/lib/absent/resolv.conf"),
		"resolver linked to itself":     linked("etc/resolv.conf", "resolv.conf"),
		"resolver is a directory":       makes("etc/resolv.conf"),
		"resolver linked upwards":       linked("etc/resolv.conf", "../../../../../../etc/elsewhere"),
		"no machine ID":                 removes("etc/machine-id"),
		"no mount points":               removes("dev", "proc", "sys", "run", "tmp", "mnt"),
		"journal":                       makes("var/log/journal"),
		"files below what gets mounted": writes("tmp/kept", "kept"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := Disk(t, change)
			before := Listing(t, path)
			use(t, start, path, "true")
			if diff := cmp.Diff(before, Listing(t, path)); diff != "" {
				t.Errorf("-before +after\n%s", diff)
			}
		})
	}
}

func writes(name, text string) func(string) {
	return func(tree string) { _ = os.WriteFile(filepath.Join(tree, name), []byte(text), 0o644) }
}

func linked(name, target string) func(string) {
	return func(tree string) { _ = os.Symlink(target, filepath.Join(tree, name)) }
}

func makes(name string) func(string) {
	return func(tree string) { _ = os.Mkdir(filepath.Join(tree, name), 0o755) }
}

func removes(names ...string) func(string) {
	return func(tree string) {
		for _, name := range names {
			_ = os.RemoveAll(filepath.Join(tree, name))
		}
	}
}

func stop(t *testing.T, start Start) {
	t.Helper()
	path := Disk(t, nil)
	work := t.TempDir()
	m, err := start(t.Context(), path, work, nil)
	must(t, err)
	sh(t, m, "echo kept >/root/file; chown 123456:654321 /root/file; mkdir /root/dir")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a cancelled bake lets go as well
	must(t, m.Stop(ctx))
	must(t, m.Stop(t.Context()))
	if left := loops(t, path); len(left) > 0 {
		t.Errorf("attached after Stop: %q", left)
	}

	if left := mountsOf(t, work); len(left) > 0 {
		t.Errorf("mounted after Stop: %q", left)
	}
	must(t, disk.Check(t.Context(), path))
	must(t, disk.Inspect(t.Context(), path, func(root *os.Root) error {
		info, err := root.Stat("root/file")
		must(t, err)
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid != 123456 || owner.Gid != 654321 {
			t.Errorf("file is owned by %d:%d", owner.Uid, owner.Gid)
		}
		return nil
	}))

	if err := m.Run(t.Context(), sandbox.Command{Args: []string{"true"}}); err == nil {
		t.Error("a stopped machine runs")
	}
}

func holes(t *testing.T, start Start) {
	t.Helper()
	path := Disk(t, nil)
	before, err := disk.Data(path)
	must(t, err)
	use(t, start, path, "mark=DELE; for i in $(seq 200000); do echo ${mark}TED-DATA; done >/root/big; sync; rm /root/big")
	after, err := disk.Data(path)
	must(t, err)
	if grown := after - before; grown > 1<<20 {
		t.Errorf("the disk holds %d bytes more, after everything that was written was deleted", grown)
	}

	f, err := os.Open(path)
	must(t, err)
	defer f.Close()

	text, err := io.ReadAll(f)
	must(t, err)
	if bytes.Contains(text, []byte("DELETED-DATA")) {
		t.Error("the deleted data is still in the disk")
	}
}

func links(t *testing.T, start Start) {
	t.Helper()
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "resolv.conf"), []byte("mine\n"), 0o644))
	before, err := os.Stat(outside)
	must(t, err)

	for _, name := range []string{"tmp", "run", "dev", "proc", "sys", "etc/resolv.conf", "var", "root"} {
		target := outside
		if name == "etc/resolv.conf" {
			target = filepath.Join(outside, "new.conf")
		}

		path := Disk(t, func(tree string) {
			removes(name)(tree)
			linked(name, target)(tree)
		})
		m := up(t, start, path)
		// refusing the image is as good as running it
		_ = m.Run(t.Context(), sandbox.Command{Args: []string{"sh", "-c", "echo x >/etc/resolv.conf; echo x >/tmp/x; echo x >/run/x"}})
		must(t, m.Stop(t.Context()))
	}

	after, err := os.Stat(outside)
	must(t, err)
	text, err := os.ReadFile(filepath.Join(outside, "resolv.conf"))
	must(t, err)
	if !after.ModTime().Equal(before.ModTime()) || string(text) != "mine\n" {
		t.Error("a link in the image led to this machine's files")
	}
}
