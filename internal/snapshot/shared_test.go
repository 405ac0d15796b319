package snapshot_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"image-builder/internal/disk"
	"image-builder/internal/snapshot"
)

// xfs is a directory on a filesystem that shares extents between clones.
func xfs(tb testing.TB) string {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root: mounts a filesystem")
	}
	dir := tb.TempDir()
	script := `truncate -s 512M fs && mkfs.xfs -q fs && mkdir mnt && mount -o loop fs mnt`
	command := exec.CommandContext(tb.Context(), "sh", "-euc", script)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}

	mounted := filepath.Join(dir, "mnt")
	tb.Cleanup(func() {
		if out, err := exec.Command("umount", "--lazy", mounted).CombinedOutput(); err != nil {
			tb.Errorf("%v\n%s", err, out)
		}
	})

	return mounted
}

// Only written blocks of a clone are read: those that the filesystem shares are the base's own.
func TestBlocksThatAreStillTheBasesOwnAreNotRead(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	base := newLocal(t, 64<<20)
	base.scribble(t, seeded(1))

	for index := int64(40); index < 120; index++ { // holes in every block
		base.write(t, index*snapshot.BlockSize+8192, []byte("base"))
	}

	parent := a.mustUpload(t, base, "base", nil).Snapshot

	dir := xfs(t)
	held := filepath.Join(dir, "base.raw")
	path := filepath.Join(dir, "clone.raw")
	if err := disk.Clone(t.Context(), held, base.disk.Name(), nil); err != nil {
		t.Fatal(err)
	}
	if err := disk.Clone(t.Context(), path, held, nil); err != nil {
		t.Fatal(err)
	}

	theirs, err := os.Open(held)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()

	clone := newLocal(t, 64<<20)
	clone.disk, err = os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer clone.disk.Close()

	clone.write(t, 50*snapshot.BlockSize+100_000, []byte("changed"))
	clone.write(t, 60*snapshot.BlockSize, make([]byte, snapshot.BlockSize)) // became zero
	clone.write(t, 127*snapshot.BlockSize, []byte("new"))

	done := a.mustUpload(t, clone, "clone", &snapshot.Parent{Snapshot: parent, Digests: base.digests, Disk: theirs})
	if done.Blocks != 3 || done.Zeroed != 1 || done.Read > 4*snapshot.BlockSize || done.Shared < 70*snapshot.BlockSize {
		t.Errorf("got %+v", done)
	}
	a.equal(t, clone, done.Snapshot)
}
