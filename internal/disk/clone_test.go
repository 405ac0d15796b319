package disk

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

// sparseFile has 64 KiB of data at each of the given offsets, in bytes.
func sparseFile(tb testing.TB, dir string, size int64, offsets ...int64) string {
	tb.Helper()
	path := filepath.Join(dir, "sparse")
	write(tb, path, "")
	for _, at := range offsets {
		patch(tb, path, at, bytes.Repeat([]byte{byte(at>>20) + 1}, 64<<10))
	}
	if err := os.Truncate(path, size); err != nil {
		tb.Fatal(err)
	}
	return path
}

func extents(tb testing.TB, path string) []Extent {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()

	var list []Extent
	for e, err := range Extents(f) {
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, e)
	}

	return list
}

// xfsDir is a directory on an xfs of its own, where files can share extents.
func xfsDir(tb testing.TB) string {
	tb.Helper()
	return mustOpen(tb, table(tb, part{kind: rootGUID, size: 320 * mib, from: filesystem(tb, XFS, 320*mib)})).Dir()
}

func TestCloneKeepsBytesAndHoles(t *testing.T) {
	t.Parallel()
	needRoot(t)

	for name, dir := range map[string]string{"by copying": t.TempDir(), "by sharing extents": xfsDir(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := sparseFile(t, dir, 64*mib, 0, 5*mib, 40*mib, 64*mib-65536)
			dst := filepath.Join(dir, "clone")

			moved := int64(0)
			if err := Clone(t.Context(), dst, src, func(done, _ int64) { moved = done }); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(src)
			if err != nil {
				t.Fatal(err)
			}

			got, err := os.ReadFile(dst)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the copy differs (%v)", err)
			}
			if !slices.Equal(extents(t, dst), extents(t, src)) {
				t.Errorf("extents %v, want %v", extents(t, dst), extents(t, src))
			}
			if n, err := Data(dst); err != nil || n != 4*65536 {
				t.Errorf("data %d, %v", n, err)
			}

			if strings.HasSuffix(name, "copying") && moved != 4*65536 {
				t.Errorf("%d bytes reported", moved)
			}
		})
	}
}

func TestCloneAcrossFilesystems(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src := sparseFile(t, t.TempDir(), 16*mib, mib, 9*mib)
	dst := filepath.Join(xfsDir(t), "clone")
	if err := Clone(t.Context(), dst, src, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := Data(dst); err != nil || n != 2*65536 {
		t.Errorf("data %d, %v", n, err)
	}
}

func TestCloneLeavesNothingWhenItCannot(t *testing.T) {
	t.Parallel()
	needRoot(t)

	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(small, 0) })
	src := filepath.Join(t.TempDir(), "src")
	write(t, src, strings.Repeat("full ", mib))
	gone, cancel := context.WithCancel(t.Context())
	cancel()

	for name, c := range map[string]struct {
		ctx  context.Context
		dst  string
		want error
	}{
		"a full filesystem": {t.Context(), filepath.Join(small, "dst"), ErrFull},
		"a cancelled clone": {gone, filepath.Join(t.TempDir(), "dst"), context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Clone(c.ctx, c.dst, src, nil); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if _, err := os.Stat(c.dst); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something is left: %v", err)
			}
		})
	}
}

func TestCloneNeverWritesOverAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	src := sparseFile(t, dir, mib, 0)
	dst := filepath.Join(dir, "precious")
	write(t, dst, "precious")
	if err := Clone(t.Context(), dst, src, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(dst); string(text) != "precious" {
		t.Errorf("the file holds %q", text)
	}
}

func TestGrow(t *testing.T) {
	t.Parallel()
	needRoot(t)

	const want = 500 * mib
	for name, path := range map[string]string{
		"ext4 in a GPT":      rootDisk(t, Ext4),
		"xfs in a GPT":       rootDisk(t, XFS),
		"ext4 in an MBR":     mbrDisk(t, Ext4, 64*mib),
		"ext4, a whole disk": filesystem(t, Ext4, 64*mib),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := Grow(t.Context(), path, want-5); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(path); err != nil || info.Size() != want {
				t.Errorf("size %v, %v", info, err)
			}
			if err := Check(t.Context(), path); err != nil {
				t.Error(err)
			}

			m := mustOpen(t, path)
			var stat unix.Statfs_t
			if err := unix.Statfs(m.Dir(), &stat); err != nil || int64(stat.Blocks)*stat.Bsize < 400*mib {
				t.Errorf("the filesystem has %d bytes, %v", int64(stat.Blocks)*stat.Bsize, err)
			}
			if text, err := os.ReadFile(filepath.Join(m.Dir(), "etc/os-release")); string(text) != "ID=test\n" {
				t.Errorf("its file holds %q, %v", text, err)
			}
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}

			unusable := (*Unusable)(nil)
			if err := Grow(t.Context(), path, mib); !errors.As(err, &unusable) {
				t.Errorf("made smaller: %v", err)
			}

			if name == "ext4 in a GPT" {
				if out := run(t, "sfdisk", "--verify", path); !strings.Contains(out, "No errors") {
					t.Error(out)
				}
			}
		})
	}
}

func TestGrowNeedsTheRootToBeLast(t *testing.T) {
	t.Parallel()
	needRoot(t)
	path := table(t, part{kind: rootGUID, size: 64 * mib, from: filesystem(t, Ext4, 64*mib)}, part{kind: espGUID, size: mib})
	if err := Grow(t.Context(), path, 200*mib); err == nil || !strings.Contains(err.Error(), "partition 2 lies behind it") {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 67*mib {
		t.Errorf("the disk was changed: %v, %v", info, err)
	}
}

func TestLocateNamesTheFile(t *testing.T) {
	t.Parallel()
	needRoot(t)

	for _, kind := range []string{Ext4, XFS} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			path := rootDisk(t, kind)
			m := mustOpen(t, path)
			if err := os.MkdirAll(filepath.Join(m.Dir(), "deep/down"), 0o755); err != nil {
				t.Fatal(err)
			}

			name := filepath.Join(m.Dir(), "deep/down/file")
			write(t, name, strings.Repeat(".", 100_000)+"find me please"+strings.Repeat(".", 5000))
			if err := os.Link(name, filepath.Join(m.Dir(), "another name")); err != nil {
				t.Fatal(err)
			}
			if err := m.Close(t.Context()); err != nil {
				t.Fatal(err)
			}

			all, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}

			at := int64(bytes.Index(all, []byte("find me please")))
			got, err := Locate(t.Context(), path, []int64{at, 0})

			want := map[int64][]Place{at: {{Path: "/another name", Offset: 100_000, Links: []string{"/deep/down/file"}}}}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Place{})); diff != "" || err != nil {
				t.Errorf("wrong places (-want +got), %v:\n%s", err, diff)
			}
		})
	}
}
