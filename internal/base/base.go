// Package base gets the disks that bakes start from: a Debian built here, a raw or qcow2 file, an https download, an
// AMI.
//
// It writes each as one raw, sparse, read-only disk file into a directory that its caller owns, together with an
// image.Base that describes the disk: architecture, operating system, firmware, sizes, SHA-256. It never changes an
// existing base, never runs a program from a pulled disk, and keeps no records of its own: that is the catalog's
// task.
package base

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/progress"
)

// diskFile is the disk's name in the directory that a base is made in.
const diskFile = "disk.raw"

// Maker makes bases in a directory.
type Maker struct {
	// Dir is a private directory that its owner removes, even after this process was killed. On success it holds only
	// the base's disk.raw, and for an AMI's disk its digests.
	Dir      string
	Progress progress.Func
	Now      func() time.Time

	// transport lets downloads trust a certificate; nil: the system's certificates.
	transport *http.Transport
}

func (m Maker) path(name string) string { return filepath.Join(m.Dir, name) }

// finish describes the finished disk, and makes it read-only.
func (m Maker) finish(ctx context.Context, name, origin string) (image.Base, error) {
	path := m.path(diskFile)
	base, err := describe(ctx, path)
	if err != nil {
		return image.Base{}, err
	}
	base.Name = name
	base.Origin = origin
	base.Created = m.Now()
	base.SHA256, err = m.digest(ctx, path)
	if err != nil {
		return image.Base{}, err
	}

	if err := os.Chmod(path, 0o444); err != nil {
		return image.Base{}, fmt.Errorf("protect base: %w", err)
	}
	return base, nil
}

// digest hashes the whole file, including holes, and reports its progress.
func (m Maker) digest(ctx context.Context, path string) (string, error) {
	defer m.Progress.Stage("checksum")()
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read disk: %w", err)
	}
	defer f.Close()

	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read disk: %w", err)
	}
	content, err := contentOf(f, info.Size())
	if err != nil {
		return "", fmt.Errorf("read disk: %w", err)
	}

	sum := sha256.New()
	in := &reader{ctx: ctx, r: content, moved: m.bytes("checksum", info.Size())}
	if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, in, make([]byte, 1<<20)); err != nil {
		return "", fmt.Errorf("read disk: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// contentOf returns a reader of a file of this many bytes that does not read holes: their zeroes would only evict useful
// pages from memory.
func contentOf(f *os.File, size int64) (io.Reader, error) {
	var parts []io.Reader
	at := int64(0)
	for extent, err := range disk.Extents(f) {
		if err != nil {
			return nil, err
		}
		parts = append(parts, io.LimitReader(zeroes{}, extent.Offset-at), io.NewSectionReader(f, extent.Offset, extent.Length))
		at = extent.Offset + extent.Length
	}

	parts = append(parts, io.LimitReader(zeroes{}, size-at))
	return io.MultiReader(parts...), nil
}

// zeroes reads like a hole.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// bytes returns a function that reports a stage's progress in bytes, at most ten times a second.
func (m Maker) bytes(stage string, total int64) func(done int64) {
	last := time.Time{}
	return func(done int64) {
		if now := time.Now(); done == total || now.Sub(last) > 100*time.Millisecond {
			last = now
			m.Progress.Send(progress.Event{Kind: progress.Bytes, Stage: stage, Done: done, Total: total})
		}
	}
}

// reader counts the bytes read, and stops when its context ends.
type reader struct {
	ctx   context.Context
	r     io.Reader
	done  int64
	moved func(done int64)
}

func (r *reader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.done += int64(n)
	r.moved(r.done)
	return n, err
}

// describe describes the disk at path, except where it came from.
func describe(ctx context.Context, path string) (image.Base, error) {
	root, err := disk.Root(path)
	if err != nil {
		return image.Base{}, err
	}
	base := image.Base{Filesystem: root.Filesystem, Disk: path}
	err = disk.Inspect(ctx, path, func(tree *os.Root) error {
		base.Arch, err = Architecture(tree)
		if err != nil {
			return &disk.Unusable{Path: path, Reason: err.Error()}
		}
		base.OS = systemName(tree)
		return nil
	})
	if err != nil {
		return image.Base{}, err
	}

	base.Firmware, err = firmware(path)
	if err != nil {
		return image.Base{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return image.Base{}, fmt.Errorf("measure disk: %w", err)
	}

	base.Size = info.Size()
	base.Data, err = disk.Data(path)
	return base, err
}
