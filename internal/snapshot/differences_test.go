package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"image-builder/internal/disk"
	"image-builder/internal/snapshot"
)

// keep records beside a disk where it differs from its base, as the seal of a bake does.
func (l local) keep(tb testing.TB, base local) *snapshot.Differences {
	tb.Helper()
	found, err := snapshot.FindDifferences(tb.Context(), l.disk, base.disk, true)
	if err != nil {
		tb.Fatal(err)
	}
	if err := found.Keep(); err != nil {
		tb.Fatal(err)
	}
	return found
}

// compared opens a disk and its base again, as publish does, and compares them.
func (l local) compared(tb testing.TB, base local) snapshot.Compared {
	tb.Helper()
	ours, err := os.Open(filepath.Join(l.dir, "disk.raw"))
	theirs, baseErr := os.Open(filepath.Join(base.dir, "disk.raw"))
	if err := errors.Join(err, baseErr); err != nil {
		tb.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()

	info, err := ours.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	digests, err := snapshot.CreateDigests(filepath.Join(tb.TempDir(), "digests"), info.Size())
	if err != nil {
		tb.Fatal(err)
	}
	defer digests.Close()

	found, err := snapshot.Comparison{
		Disk: ours, Digests: digests, Parent: &snapshot.Parent{Snapshot: "snap-1", Digests: base.digests, Disk: theirs},
	}.Changes(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}

	return found
}

// hashed gives a disk its digests, which a base has since it was pulled.
func (l local) hashed(tb testing.TB) local {
	tb.Helper()
	if _, err := (snapshot.Comparison{Disk: l.disk, Digests: l.digests}).Changes(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return l
}

// On random disks the kept differences lead to what a comparison without them finds, and no other block is read.
func TestKeptDifferencesAreWhatAComparisonFinds(t *testing.T) {
	t.Parallel()
	for seed := range 8 {
		random := seeded(seed)
		base := newLocal(t, 4<<20+random.Int64N(8<<20))
		base.scribble(t, random)
		base.hashed(t)
		changed := base.clone(t, random.Int64N(2)*random.Int64N(4<<20))
		changed.scribble(t, random)

		want := changed.compared(t, base)
		kept := changed.keep(t, base)
		got := changed.compared(t, base)

		if !slices.Equal(slices.Collect(got.Changed.All()), slices.Collect(want.Changed.All())) || got.Zeroed != want.Zeroed {
			t.Errorf("seed %d: %d blocks changed, of which %d became zero, want %d and %d", seed, got.Changed.Len(), got.Zeroed, want.Changed.Len(), want.Zeroed)
		}
		beyond := changed.size(t)/snapshot.BlockSize - base.size(t)/snapshot.BlockSize + 1 // nothing to compare them with
		if most := (want.Changed.Len() + beyond) * snapshot.BlockSize; got.Read > most {
			t.Errorf("seed %d: read %d bytes, want at most %d", seed, got.Read, most)
		}
		holdsEqual(t, kept, base, changed, want.Changed)
	}
}

// holdsEqual checks that what was found equal is: all data in blocks that both disks have, except in those that changed.
func holdsEqual(t *testing.T, found *snapshot.Differences, base, changed local, differ *snapshot.Set) {
	t.Helper()
	extents, err := found.Equal()
	if err != nil {
		t.Fatal(err)
	}

	held := map[int64]bool{}
	for _, e := range extents {
		ours := make([]byte, e.Length)
		theirs := make([]byte, e.Length)
		_, err := changed.disk.ReadAt(ours, e.Offset)
		_, baseErr := base.disk.ReadAt(theirs, e.Offset)
		if err := errors.Join(err, baseErr); err != nil || !bytes.Equal(ours, theirs) {
			t.Errorf("%+v is not equal: %v", e, err)
		}
		for at := e.Offset; at < e.Offset+e.Length; at += 512 {
			held[at/snapshot.BlockSize] = true
		}
	}

	for extent, err := range disk.Extents(changed.disk) {
		if err != nil {
			t.Fatal(err)
		}
		for at := extent.Offset; at < extent.Offset+extent.Length; at += 512 {
			index := at / snapshot.BlockSize
			if index < base.size(t)/snapshot.BlockSize && held[index] == differ.Has(index) {
				t.Fatalf("block %d: changed %v, equal %v", index, differ.Has(index), held[index])
			}
		}
	}
}

// The differences that were kept count only for the very files that were compared, and only while nothing touched them:
// anything else is compared again.
func TestTouchedDisksAreComparedAgain(t *testing.T) {
	t.Parallel()
	const at = 5 * snapshot.BlockSize
	for name, touch := range map[string]func(t *testing.T, changed, base local){
		"the disk is written to": func(t *testing.T, changed, _ local) {
			t.Helper()
			changed.write(t, at, []byte("secret"))
		},
		"the disk is written to, and its time set back": func(t *testing.T, changed, _ local) {
			t.Helper()
			changed.write(t, at, []byte("secret"))
			tick(t, changed.disk)
			setTime(t, changed.disk)
		},
		"the disk is another file": func(t *testing.T, changed, _ local) {
			t.Helper()
			other := changed.clone(t, 0)
			other.write(t, at, []byte("secret"))
			replace(t, other, changed)
		},
		"the base is written to": func(t *testing.T, _, base local) {
			t.Helper()
			base.write(t, at, []byte("newer base"))
			base.hashed(t)
		},
		"the base is another file": func(t *testing.T, _, base local) {
			t.Helper()
			other := base.clone(t, 0)
			other.write(t, at, []byte("newer base"))
			replace(t, other.hashed(t), base)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := filled(t, 8).hashed(t)
			changed := base.clone(t, 0)
			changed.write(t, 2*snapshot.BlockSize, []byte("changed"))
			setTime(t, changed.disk)
			setTime(t, base.disk)
			changed.keep(t, base)

			touch(t, changed, base)
			if found := changed.compared(t, base); found.Changed.Len() != 2 || !found.Changed.Has(2) || !found.Changed.Has(5) {
				t.Errorf("changed are %v, want 2 and 5", slices.Collect(found.Changed.All()))
			}
		})
	}
}

// setTime gives a file the time at which it was last written, long ago. What is written later has another time, however
// coarse the clock is.
func setTime(t *testing.T, file *os.File) {
	t.Helper()
	if err := os.Chtimes(file.Name(), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
}

// tick waits until the time at which anything of a file changed is another one: a clock may be as coarse as 10 ms.
func tick(t *testing.T, file *os.File) {
	t.Helper()
	before := changedAt(t, file)
	for end := time.Now().Add(time.Minute); changedAt(t, file) == before; {
		if err := file.Chmod(0o600); err != nil || time.Now().After(end) {
			t.Fatal("the time of a file does not change", err)
		}
	}
}

func changedAt(t *testing.T, file *os.File) int64 {
	t.Helper()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ctim.Nano()
}

// replace puts another disk in the place of one, with the same size and time.
func replace(t *testing.T, other, place local) {
	t.Helper()
	setTime(t, other.disk)
	err := os.Rename(filepath.Join(other.dir, "disk.raw"), filepath.Join(place.dir, "disk.raw"))
	if err != nil {
		t.Fatal(err)
	}
	for index := range place.digests.Len() {
		digest, err := other.digests.At(index)
		if err != nil {
			t.Fatal(err)
		}
		if err := place.digests.Set(index, digest); err != nil {
			t.Fatal(err)
		}
	}
}

// A file that is not to the bit what was kept, is of another form or leads elsewhere means nothing.
func TestDamagedDifferencesAreIgnored(t *testing.T) {
	t.Parallel()
	base := filled(t, 8).hashed(t)
	changed := base.clone(t, 0)
	for _, index := range []int64{2, 5} {
		changed.write(t, index*snapshot.BlockSize, []byte("changed"))
	}
	changed.keep(t, base)

	path := filepath.Join(changed.dir, snapshot.DifferencesFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	for name, text := range map[string][]byte{
		"whole":            whole,
		"empty":            nil,
		"cut off":          whole[:len(whole)-8],
		"a block moved":    bytes.Replace(whole, []byte(`"first":5`), []byte(`"first":6`), 1),
		"another form":     bytes.Replace(whole, []byte("differences 1 "), []byte("differences 2 "), 1),
		"without a digest": whole[bytes.IndexByte(whole, '\n')+1:],
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		found := changed.compared(t, base)
		if got := fmt.Sprint(slices.Collect(found.Changed.All())); got != "[2 5]" {
			t.Errorf("%s: changed are %s, want [2 5]", name, got)
		}
		if used := found.Read == 2*snapshot.BlockSize; used != (name == "whole") {
			t.Errorf("%s: %d bytes were read", name, found.Read)
		}
	}
}

// With the kept differences an upload reads the blocks that changed and nothing else, and its snapshot is the disk: what
// became zero does not show the base's bytes.
func TestUploadReadsOnlyWhatDiffersFromACopiedBase(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	base := filled(t, 16)
	parent := parentOf(a.mustUpload(t, base, "base", nil).Snapshot, base)
	parent.Disk = base.disk

	changed := base.clone(t, 4<<20)
	changed.write(t, 5*snapshot.BlockSize+100_000, []byte("changed"))
	changed.write(t, 7*snapshot.BlockSize, make([]byte, snapshot.BlockSize))
	changed.write(t, 18*snapshot.BlockSize, []byte("beyond the base's end"))
	err := unix.Fallocate(int(changed.disk.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 9*snapshot.BlockSize, snapshot.BlockSize)
	if err != nil {
		t.Fatal(err)
	}
	changed.keep(t, base)

	done := a.mustUpload(t, changed, "changed", parent)
	if done.Blocks != 4 || done.Zeroed != 2 || done.Read != 3*snapshot.BlockSize || done.Shared != 13*snapshot.BlockSize {
		t.Errorf("got %+v", done)
	}
	a.equal(t, changed, done.Snapshot)
}

// Without patience, a block of the base that is not in memory is not read. It counts as changed, so no change is missed.
func TestImpatientSearchForDifferencesMissesNothing(t *testing.T) {
	t.Parallel()
	base := filled(t, 16).hashed(t)
	changed := base.clone(t, 0)
	for index := range int64(8) { // the kernel may bring back all but the first one that is asked for
		changed.write(t, index*snapshot.BlockSize, []byte("changed"))
	}
	err := errors.Join(base.disk.Sync(), unix.Fadvise(int(base.disk.Fd()), 0, 8*snapshot.BlockSize, unix.FADV_DONTNEED))
	if err != nil {
		t.Fatal(err)
	}

	found, err := snapshot.FindDifferences(t.Context(), changed.disk, base.disk, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Keep(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(slices.Collect(changed.compared(t, base).Changed.All())); got != "[0 1 2 3 4 5 6 7]" {
		t.Errorf("changed are %s, want [0 1 2 3 4 5 6 7]", got)
	}
}
