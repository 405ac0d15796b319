package publish_test

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"image-builder/internal/disk"
	"image-builder/internal/publish"
	"image-builder/internal/snapshot"
)

// laidOut makes a disk with a filesystem that holds an operating system's name, /srv/old and /srv/kept.
func laidOut(t *testing.T, kind string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.raw")
	script := `truncate -s 512M disk.raw; mkfs.` + kind + ` -q disk.raw; mkdir mnt; mount -o loop disk.raw mnt
mkdir mnt/etc mnt/srv; echo ID=test >mnt/etc/os-release
head -c 8M /dev/urandom >mnt/srv/old; head -c 8M /dev/urandom >mnt/srv/kept; umount mnt`

	command := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-euc", script) // no other process copies the mount
	command.Dir = filepath.Dir(path)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	return path
}

func written(path string, size int) error {
	text := make([]byte, size)
	_, _ = rand.Read(text)
	return os.WriteFile(path, text, 0o644)
}

// inside mounts a disk and, after the change, discards its free space.
func inside(t *testing.T, path string, change func(root string) error) {
	t.Helper()
	mount, err := disk.Open(t.Context(), path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	err = change(mount.Dir())
	err = errors.Join(err, mount.Trim(t.Context()), mount.Close(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
}

// Each changed block is attributed to one thing, and what a user changed is at the top.
func TestChangedBlocksAreExplained(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: mounts disks")
	}

	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			base := laidOut(t, kind)

			path := filepath.Join(t.TempDir(), "disk.raw")
			if err := disk.Clone(t.Context(), path, base, nil); err != nil {
				t.Fatal(err)
			}
			inside(t, path, func(root string) error {
				return errors.Join(written(filepath.Join(root, "srv/mirror"), 20*mib), os.Remove(filepath.Join(root, "srv/old")))
			})

			changed := compared(t, path, base)
			costs, err := publish.Explain(t.Context(), changed, path, base)
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]int64{}

			sum := int64(0)
			for _, cost := range costs {
				found[cost.What] = cost.Blocks
				sum += cost.Blocks
			}

			if sum != changed.Len() {
				t.Errorf("the costs add up to %d blocks, and %d changed: %+v", sum, changed.Len(), costs)
			}
			if costs[0].What != "/srv/mirror" || found["/srv/mirror"] < 39 || found["/srv/mirror"] > 42 {
				t.Errorf("20 MiB were written: %+v", costs)
			}
			if zeroed := found["free space that became zero"]; zeroed < 14 || zeroed > 17 {
				t.Errorf("8 MiB were removed: %+v", costs)
			}

			if _, named := found["/srv/kept"]; named {
				t.Errorf("a file that did not change has a cost: %+v", costs)
			}
			if _, named := found["inode tables"]; kind == "ext4" && !named {
				t.Errorf("no inode table changed: %+v", costs)
			}
			if _, named := found["journal"]; !named {
				t.Errorf("the journal did not change: %+v", costs)
			}
		})
	}
}

func compared(t *testing.T, path, base string) *snapshot.Set {
	t.Helper()
	changed, err := publish.Differing(t.Context(), path, base)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}
