package snapshot_test

import (
	"errors"
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

// Only written blocks of a clone are read: those that the filesystem shares are the base's own. Of the base nothing is
// read: what was written to differs from it, nearly always.
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

// The digests of a clone come from its base where the two share blocks, and a comparison by known digests reads nothing.
func TestDigestsOfACloneNeedOnlyItsOwnBlocks(t *testing.T) {
	t.Parallel()
	dir := xfs(t)
	held := filepath.Join(dir, "base.raw")
	base := filled(t, 64)
	clone := filepath.Join(dir, "clone", "disk.raw")
	err := errors.Join(
		disk.Clone(t.Context(), held, base.disk.Name(), nil), os.Mkdir(filepath.Dir(clone), 0o700), disk.Clone(t.Context(), clone, held, nil),
	)
	if err != nil {
		t.Fatal(err)
	}

	theirs, err := os.Open(held)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	ours, err := os.OpenFile(clone, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	if _, err := ours.WriteAt([]byte("changed"), 50*snapshot.BlockSize); err != nil {
		t.Fatal(err)
	}

	// Digests that no block has show that no block was read.
	for index := range int64(64) {
		if err := base.digests.Set(index, snapshot.Digest{1, byte(index)}); err != nil {
			t.Fatal(err)
		}
	}
	parent := &snapshot.Parent{Snapshot: "snap-1", Digests: base.digests, Disk: theirs}

	digests, err := snapshot.BesideClone(t.Context(), clone, parent)
	if err != nil {
		t.Fatal(err)
	}
	defer digests.Close()

	if got, err := digests.At(10); err != nil || got != (snapshot.Digest{1, 10}) {
		t.Errorf("a shared block was read: %x, %v", got, err)
	}
	if got, err := digests.At(50); err != nil || got == (snapshot.Digest{1, 50}) {
		t.Errorf("a changed block was not read: %x, %v", got, err)
	}

	found, err := snapshot.Comparison{Disk: ours, Parent: parent, Digests: digests, Known: true}.Changes(t.Context())
	if err != nil || found.Read != 0 || found.Changed.Len() != 1 || !found.Changed.Has(50) {
		t.Errorf("found %+v, %v", found, err)
	}
}
