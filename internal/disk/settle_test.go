package disk

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// marked is text that can be found again on a disk.
func marked(mark string, size int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%-64s", mark)), size/64)
}

// used is a base that was used before: files were removed whose bytes are still there, and its journal is not empty.
func used(t *testing.T, kind string) string {
	t.Helper()
	path := rootDisk(t, kind)
	within(t, path, func(dir string) {
		write(t, filepath.Join(dir, "kept"), string(marked("kept", mib)))
		write(t, filepath.Join(dir, "old"), string(marked("old", mib)))
		write(t, filepath.Join(dir, "junk"), string(marked("junk", 8*mib)))
		for i := range 200 {
			write(t, filepath.Join(dir, fmt.Sprint("many", i)), "x")
		}
	})
	within(t, path, func(dir string) {
		if err := os.Remove(filepath.Join(dir, "junk")); err != nil {
			t.Fatal(err)
		}
	})
	return path
}

// within mounts a disk for as long as the change takes.
func within(t *testing.T, path string, change func(dir string)) {
	t.Helper()
	m := mustOpen(t, path)
	change(m.Dir())
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// baked is a clone of a base in which /old was replaced by /new, and others were removed too, trimmed.
func baked(t *testing.T, base string, others ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.raw")
	if err := Clone(t.Context(), path, base, nil); err != nil {
		t.Fatal(err)
	}
	m := mustOpen(t, path)
	write(t, filepath.Join(m.Dir(), "new"), string(marked("new", mib)))
	for _, name := range append([]string{"old"}, others...) {
		if err := os.Remove(filepath.Join(m.Dir(), name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return path
}

// differing counts the pages of 4 KiB in which two disks differ, by use.
func differing(t *testing.T, path, base string) map[Use]int {
	t.Helper()
	uses, err := UsesOf(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}

	found := map[Use]int{}
	for at := 0; at+4096 <= len(ours); at += 4096 {
		if !bytes.Equal(ours[at:at+4096], theirs[at:at+4096]) {
			found[uses.At(int64(at)).Use]++
		}
	}

	return found
}

// A disk that is settled differs from its base in what was changed, not in its journal and in what was free before;
// what was removed does not come back.
func TestSettledDiskDiffersInWhatWasChanged(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, kind := range []string{Ext4, XFS} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			base := used(t, kind)
			path := baked(t, base)
			before := differing(t, path, base)
			if before[Journal] < 3 || before[FreeSpace] < 700 || holds(t, path, marked("junk", 4096)) {
				t.Fatalf("this test shows nothing: pages differ in %v", before)
			}

			if err := Settle(t.Context(), path, base, true); err != nil {
				t.Fatal(err)
			}
			after := differing(t, path, base)
			most := map[string]int{Ext4: 0, XFS: 40}[kind] // pages of a log were really written
			if after[Journal] > most || after[FreeSpace] > 300 || after[FreeSpace] < 200 || after[File] < 256 {
				t.Errorf("pages differ in %v, before in %v", after, before)
			}

			if !holds(t, path, marked("junk", 4096)) || holds(t, path, marked("old", 4096)) {
				t.Error("what was free is not the base's, or what was removed is there")
			}
			if err := Check(t.Context(), path); err != nil {
				t.Error(err)
			}
			survives(t, path)
		})
	}
}

// Without free, no byte of free space comes back.
func TestSettledDiskKeepsItsHoles(t *testing.T) {
	t.Parallel()
	needRoot(t)
	base := used(t, Ext4)
	path := baked(t, base)
	if err := Settle(t.Context(), path, base, false); err != nil {
		t.Fatal(err)
	}
	if holds(t, path, marked("junk", 4096)) || holds(t, path, marked("old", 4096)) {
		t.Error("free space has bytes")
	}
}

// survives uses a disk, again and again as after a cut of the power, until its log was written around.
func survives(t *testing.T, path string) {
	t.Helper()
	for round := range 4 {
		m := mustOpen(t, path)
		for i := range 300 {
			write(t, filepath.Join(m.Dir(), fmt.Sprint(round, "-", i)), strings.Repeat("y", 100))
		}
		if err := m.sync(); err != nil {
			t.Fatal(err)
		}

		crashed := filepath.Join(t.TempDir(), "disk.raw")
		if err := Clone(t.Context(), crashed, path, nil); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}

		within(t, crashed, func(dir string) {
			for _, name := range []string{"new", "kept", fmt.Sprint(round, "-299")} {
				if _, err := os.ReadFile(filepath.Join(dir, name)); err != nil {
					t.Error(err)
				}
			}
		})
		if err := Check(t.Context(), crashed); err != nil {
			t.Fatalf("after crash %d: %v", round, err)
		}
		path = crashed
	}
}

// A base that was not unmounted has a journal that must be read: it is not given back.
func TestJournalThatIsNotEmptyIsNotGivenBack(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, kind := range []string{Ext4, XFS} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			whole := used(t, kind)
			base := filepath.Join(t.TempDir(), "disk.raw")
			within(t, whole, func(dir string) {
				if err := os.Rename(filepath.Join(dir, "kept"), filepath.Join(dir, "kept-well")); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, "late"), string(marked("late", mib)))
				flush(t, filepath.Join(dir, "late"))
				flush(t, dir)
				if err := Clone(t.Context(), base, whole, nil); err != nil {
					t.Fatal(err)
				}
			})

			path := baked(t, base, "late")
			if err := Settle(t.Context(), path, base, true); err != nil {
				t.Fatal(err)
			}
			if holds(t, path, marked("old", 4096)) || holds(t, path, marked("late", 4096)) {
				t.Error("what was removed is there")
			}
			if err := Check(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			within(t, path, func(dir string) {
				for _, name := range []string{"new", "kept-well"} {
					if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
						t.Error(err)
					}
				}
				if _, err := os.Stat(filepath.Join(dir, "old")); err == nil {
					t.Error("/old came back")
				}
			})
		})
	}
}

// flush brings a file to the disk, and what it needs of the filesystem's structures to the journal only.
func flush(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		t.Fatal(err)
	}
}

// A superblock that lies about its journal leaves the disk as it is.
func TestJournalThatCannotBeIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := Partition{Offset: mib, Size: 10 * mib}
	for _, run := range []Run{
		{Offset: 0, Length: mib},
		{Offset: mib, Length: 11 * mib},
		{Offset: 9 * mib, Length: 3 * mib},
		{Offset: mib, Length: 1 << 62},
		{Offset: -mib, Length: mib},
		{Offset: 1 << 62, Length: 1 << 62},
		{Offset: mib},
	} {
		if plausible(run, p, 20*mib) {
			t.Errorf("%+v is taken for a journal", run)
		}
	}
	if !plausible(Run{Offset: 2 * mib, Length: 9 * mib}, p, 20*mib) {
		t.Error("a journal at the partition's end is not taken for one")
	}
}
