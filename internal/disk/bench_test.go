package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/diskfs/go-diskfs/partition/gpt"
)

// benchDisk is a 3 GiB disk that holds this machine's /usr/bin, or the disk that $BENCH_DISK names. Copies go to
// $BENCH_DIR, so that filesystems can be compared.
func benchDisk(b *testing.B) (path, dir string) {
	b.Helper()
	needRoot(b)
	dir = b.TempDir()

	if root := os.Getenv("BENCH_DIR"); root != "" {
		var err error
		dir, err = os.MkdirTemp(root, "bench") //nolint:usetesting // the filesystem is the point
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { os.RemoveAll(dir) })
	}

	path = filepath.Join(dir, "base.raw")
	source := os.Getenv("BENCH_DISK")
	if source == "" {
		part1 := filepath.Join(dir, "fs")
		write(b, part1, "")
		if err := os.Truncate(part1, 3<<30); err != nil {
			b.Fatal(err)
		}
		run(b, "mke2fs", "-q", "-F", "-t", "ext4", "-d", "/usr/bin", part1)
		source = table(b, part{kind: gpt.LinuxRootX86_64, size: 3 << 30, from: part1})
	}

	if err := Clone(b.Context(), path, source, nil); err != nil {
		b.Fatal(err)
	}
	return path, dir
}

// BenchmarkBake is what a bake does to a disk, step by step: each sub-benchmark times one of them.
func BenchmarkBake(b *testing.B) {
	base, dir := benchDisk(b)
	path := filepath.Join(dir, "disk.raw")

	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0o700); err != nil {
		b.Fatal(err)
	}
	var m *Mount
	steps := []struct {
		name string
		do   func() error
	}{
		{"Clone", func() error { return Clone(b.Context(), path, base, nil) }},
		{"Open", func() (err error) { m, err = Open(b.Context(), path, tree); return err }},
		{"Trim", func() error { return m.Trim(b.Context()) }},
		{"Close", func() error { return m.Close(b.Context()) }},
		{"Check", func() error { return Check(b.Context(), path) }},
	}
	for _, timed := range steps {
		b.Run(timed.name, func(b *testing.B) {
			b.StopTimer()

			for range b.N {
				for _, step := range steps {
					if step.name == timed.name {
						b.StartTimer()
					}
					if err := step.do(); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
				}

				if err := errors.Join(os.Remove(path)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
