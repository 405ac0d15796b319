package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// earlyClone clones a disk and returns the name of the device that showed the clone while its data was copied. That
// device was read meanwhile, as udev reads a device that appears.
func earlyClone(t *testing.T, base, clone string) (*Early, string) {
	t.Helper()
	name := ""
	early, err := CloneEarly(t.Context(), clone, base, func(int64, int64) {
		f, _, err := open(clone, os.O_RDWR)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()

		if l := takeEarly(f, Partition{Size: earlySize}); l != nil {
			name = l.device.Name()
			if n, err := l.device.ReadAt(make([]byte, 2*earlySize), 0); n != earlySize {
				t.Errorf("the device shows %d bytes before the data is there: %v", n, err)
			}
			_ = l.device.Close()
		}
	})
	if err != nil {
		t.Fatal(err)
	}

	if name == "" {
		t.Skip("this filesystem shares extents, so that nothing is attached early")
	}

	return early, name
}

func TestOpenMountsTheDeviceThatWasAttachedEarly(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, kind := range []string{Ext4, XFS} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			clone := filepath.Join(t.TempDir(), "early.raw")
			early, name := earlyClone(t, rootDisk(t, kind), clone)
			dir := t.TempDir()
			m, err := Open(t.Context(), clone, dir)
			if err != nil {
				t.Fatal(err)
			}

			if m.loop.device.Name() != name {
				t.Errorf("%s is mounted and not %s: attaching the disk again waits until it is written", m.loop.device.Name(), name)
			}
			if text, err := os.ReadFile(filepath.Join(dir, "etc/os-release")); string(text) != "ID=test\n" {
				t.Errorf("the tree has %q, %v", text, err)
			}

			write(t, filepath.Join(dir, "new"), "new")
			if err := m.Close(t.Context()); err != nil { // a machine that fails to start ends before the Early is closed
				t.Fatal(err)
			}
			mustBeFree(t, clone)
			if err := early.Close(); err != nil {
				t.Error(err)
			}
			if err := Check(t.Context(), clone); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEarlyDeviceIsLetGoWithoutAMount(t *testing.T) {
	t.Parallel()
	needRoot(t)
	clone := filepath.Join(t.TempDir(), "early.raw")
	early, _ := earlyClone(t, rootDisk(t, Ext4), clone)
	if err := early.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeFree(t, clone)
	if err := early.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

// A copy that is soon removed is opened, changed and let go like another.
func TestCloneScratch(t *testing.T) {
	t.Parallel()
	needRoot(t)
	base := rootDisk(t, Ext4)
	scratch := filepath.Join(t.TempDir(), "scratch.raw")
	early, err := CloneScratch(t.Context(), scratch, base)
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	m, err := Open(t.Context(), scratch, dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "etc/os-release"), "changed\n")
	if err := errors.Join(m.Close(t.Context()), early.Close()); err != nil {
		t.Fatal(err)
	}
	mustBeFree(t, scratch)

	for path, want := range map[string]string{scratch: "changed\n", base: "ID=test\n"} {
		err := Inspect(t.Context(), path, func(tree *os.Root) error {
			text, err := tree.ReadFile("etc/os-release")
			if string(text) != want {
				t.Errorf("%s has %q, want %q", path, text, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// mustBeFree fails if a loop device shows the root of a disk, or soon still does.
func mustBeFree(t *testing.T, path string) {
	t.Helper()
	p, err := Root(path)
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := open(path, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	err = await(t.Context(), func() (bool, error) {
		l := takeEarly(f, p)
		if l == nil {
			return true, nil
		}
		return false, l.device.Close()
	})
	if err != nil {
		t.Errorf("the disk stays attached: %v", err)
	}
}
