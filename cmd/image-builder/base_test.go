package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"image-builder/internal/base/basetest"
)

// pulled is a data directory that holds the base alone, made when the first test needs it. tests.Run removes it.
var pulled struct {
	sync.Mutex
	dir    string
	filled bool
}

// newBuilder has the base debian:bookworm.
func newBuilder(t *testing.T) builder {
	t.Helper()
	return newBuilderIn(t, t.TempDir())
}

// newBuilderIn gives a data directory of its own the base. Pulling takes seconds of processor time, most for the checksum: it is
// done once for all directories on one file system. Their bases are one file, which no bake may change.
func newBuilderIn(t *testing.T, dir string) builder {
	t.Helper()
	b := emptyBuilderIn(t, dir)
	from := pullOnce(b)
	if device(t, from) != device(t, dir) {
		pull(b)
		return b
	}
	if err := share(from, dir); err != nil {
		t.Fatal(err)
	}

	return b
}

func pull(b builder) {
	b.t.Helper()
	b.run("base", "pull", "--name", "debian:bookworm", basetest.Debian(b.t).Disk)
}

func pullOnce(b builder) string {
	b.t.Helper()
	pulled.Lock()
	defer pulled.Unlock()
	if pulled.filled {
		return pulled.dir
	}

	if pulled.dir == "" {
		dir, err := os.MkdirTemp("", "image-builder-base-")
		if err != nil {
			b.t.Fatal(err)
		}
		pulled.dir = dir
	}
	b.dir = pulled.dir
	pull(b)
	pulled.filled = true

	return pulled.dir
}

// device is the file system that a path is on.
func device(t *testing.T, path string) uint64 {
	t.Helper()
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Dev
}

// share makes a data directory like from: disks are links to the same files, the rest are copies.
func share(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)

		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case filepath.Ext(path) == ".raw":
			return os.Link(path, target)
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, text, 0o600)
		}
	})
}
