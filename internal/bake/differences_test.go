package bake

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/secret"
	"image-builder/internal/snapshot"
)

// Where the filesystem copied the base, a sealed disk is searched where it differs, and has beside it what publish then
// need not find again, wherever the directory moves.
func TestSealedDiskSaysWhereItDiffersFromItsBase(t *testing.T) {
	t.Parallel()
	d := built(t, nil)
	d.Base.Snapshot = "snap-1"
	filled(t, d, func(tree string) { put(t, filepath.Join(tree, "tool"), "installed") })
	search, err := Bake{Now: time.Now}.finish(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}

	if search.Shared < 2<<20 || search.Bytes == 0 {
		t.Errorf("searched %d bytes, and %d are the base's", search.Bytes, search.Shared)
	}

	d.Dir = moved(t, d.Dir)
	d.Base.Disk = filepath.Join(d.Dir, "base.raw")
	quick := d.comparison(t)
	if err := os.Remove(filepath.Join(d.Dir, snapshot.DifferencesFile)); err != nil {
		t.Fatal(err)
	}
	whole := d.comparison(t)

	if !slices.Equal(slices.Collect(quick.Changed.All()), slices.Collect(whole.Changed.All())) || quick.Changed.Len() == 0 {
		t.Errorf("%d blocks differ, want %d", quick.Changed.Len(), whole.Changed.Len())
	}
	if quick.Read > quick.Changed.Len()*snapshot.BlockSize || whole.Read < search.Shared {
		t.Errorf("read %d bytes for %d blocks, and %d without what the seal found", quick.Read, quick.Changed.Len(), whole.Read)
	}
}

// moved gives a directory another name, as the commit of an image does.
func moved(t *testing.T, dir string) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if err := os.Rename(dir, home); err != nil {
		t.Fatal(err)
	}
	return home
}

// comparison compares the disk with its base, as publish does.
func (d Definition) comparison(t *testing.T) snapshot.Compared {
	t.Helper()
	ours, err := os.Open(d.disk())
	theirs, baseErr := os.Open(d.Base.Disk)
	if err := errors.Join(err, baseErr); err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()

	held := digests(t, theirs)
	if _, err := (snapshot.Comparison{Disk: theirs, Digests: held}).Changes(t.Context()); err != nil {
		t.Fatal(err)
	}
	parent := &snapshot.Parent{Snapshot: d.Base.Snapshot, Digests: held, Disk: theirs}
	found, err := snapshot.Comparison{Disk: ours, Parent: parent, Digests: digests(t, ours)}.Changes(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return found
}

// digests is a file for a disk's digests.
func digests(t *testing.T, disk *os.File) *snapshot.Digests {
	t.Helper()
	info, err := disk.Stat()
	if err != nil {
		t.Fatal(err)
	}
	made, err := snapshot.CreateDigests(filepath.Join(t.TempDir(), "digests"), info.Size())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() })
	return made
}

// A secret that begins in a block of the base's, or ends in one, is found; one that the base held is not a leak.
func TestSecretsAcrossABlockOfTheBaseAreFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := Definition{Dir: dir, Base: image.Base{Disk: filepath.Join(dir, "base.raw"), Snapshot: "snap-1"}}
	patterns := secret.NewSet([]secret.Secret{{Name: "token", Value: []byte(token)}}).Search()

	const block = snapshot.BlockSize
	begin := token[:7]
	end := token[7:]
	base := bytes.Repeat([]byte("."), 6*block)
	copy(base[100_000:], token)
	copy(base[2*block-len(begin):], begin)
	copy(base[4*block:], end)
	baked := slices.Clone(base)
	copy(baked[2*block:], end)
	copy(baked[4*block-len(begin):], begin)

	var files [2]*os.File
	for i, text := range [][]byte{baked, base} {
		path := []string{d.disk(), d.Base.Disk}[i]
		err := os.WriteFile(path, text, 0o600)
		if err == nil {
			files[i], err = os.Open(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer files[i].Close()
	}

	known, differences, err := d.ofBase(t.Context(), files[0], files[1])
	if err != nil || differences == nil || len(known) != 2 {
		t.Fatalf("the base's own are %v: %v", known, err)
	}
	found, err := patterns.Disk(t.Context(), files[0], known...)
	if err != nil {
		t.Fatal(err)
	}

	var places []int64
	for _, hit := range found.Hits {
		places = append(places, hit.Offset)
	}
	if want := []int64{2*block - 7, 4*block - 7}; !slices.Equal(places, want) {
		t.Errorf("found at %v, want %v", places, want)
	}
}
