package base

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"image-builder/internal/disk"
	"image-builder/internal/image"
)

// Source says which disk to pull.
type Source struct {
	// Location is a path, or an https URL that ends in #sha256= and the file's SHA-256.
	Location string
	// Name is the base's name in recipes.
	Name string
}

// Pull lays down an existing disk: a raw or qcow2 file, local or behind an https URL, with a GPT, an MBR or one
// filesystem over the whole disk. Blocks of zeroes become holes. The disk must hold a consistent ext4 or xfs root.
func (m Maker) Pull(ctx context.Context, s Source) (image.Base, error) {
	origin, err := m.fetch(ctx, s.Location)
	var made image.Base

	if err == nil {
		made, err = m.finish(ctx, s.Name, origin)
	}

	if err == nil {
		err = disk.Check(ctx, made.Disk)
	}

	if err != nil {
		return image.Base{}, fmt.Errorf("pull base %s: %w", s.Name, named(err, m.path(diskFile), s.Location))
	}
	return made, nil
}

// named replaces the path of our copy by the name that the user gave the disk.
func named(err error, path, location string) error {
	if unusable := (*disk.Unusable)(nil); errors.As(err, &unusable) && unusable.Path == path {
		unusable.Path, _, _ = strings.Cut(location, "?")
	}
	return err
}

// fetch writes the raw disk to disk.raw and says where it came from.
func (m Maker) fetch(ctx context.Context, location string) (string, error) {
	if isURL(location) {
		part := m.path("download")
		origin, err := m.download(ctx, location, part)
		if err != nil {
			return "", err
		}
		return origin, errors.Join(m.convert(ctx, part), removeIf(part))
	}

	origin, err := originOf(location)
	if err != nil {
		return "", err
	}

	return origin, m.convert(ctx, location)
}

// originOf identifies a file and its state: its absolute path, size and modification time. A file of the same origin
// is not read again.
func originOf(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("read disk: %w", err)
	}
	info, err := os.Stat(absolute)
	if err != nil {
		return "", fmt.Errorf("read disk: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", &disk.Unusable{Path: path, Reason: "it is not a regular file: name a raw or qcow2 disk image"}
	}

	return fmt.Sprintf("%s (%d bytes, changed %s)", absolute, info.Size(), info.ModTime().UTC().Format("2006-01-02T15:04:05.000000000Z")), nil
}

// convert makes disk.raw of a file in any known format.
func (m Maker) convert(ctx context.Context, path string) error {
	format, err := formatOf(path)
	if err != nil {
		return err
	}

	switch format {
	case "raw":
		return m.copyRaw(ctx, path)
	case "qcow2":
		return m.convertQcow2(ctx, path)
	}

	return &disk.Unusable{Path: path, Reason: fmt.Sprintf("it is a %s file, not a disk: decompress or convert it first, to raw or qcow2", format)}
}

// formatOf detects a file's format by its first bytes, never by its name. A raw disk's owner could later write
// another format's signature into its first sector, so every reader gets the format passed on instead of guessing
// again.
func formatOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read disk: %w", err)
	}
	defer f.Close()

	head := make([]byte, 16)
	if _, err := io.ReadFull(f, head); err != nil {
		return "", &disk.Unusable{Path: path, Reason: "it is not a disk: it has less than 16 bytes"}
	}

	for magic, format := range map[string]string{
		"QFI\xfb": "qcow2", "\x1f\x8b": "gzip", "\xfd7zXZ": "xz", "\x28\xb5\x2f\xfd": "zstd", "BZh": "bzip2",
		"PK\x03\x04": "zip", "KDMV": "VMDK", "vhdxfile": "VHDX", "conectix": "VHD", "<html": "HTML", "<!DOCT": "HTML",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return format, nil
		}
	}

	return "raw", nil
}

// copyRaw copies a raw disk, without its blocks of zeroes.
func (m Maker) copyRaw(ctx context.Context, path string) (err error) {
	defer m.Progress.Stage("copy disk")()
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read disk: %w", err)
	}
	defer in.Close()

	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("read disk: %w", err)
	}
	out, err := newSparse(m.path(diskFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	moved := m.bytes("copy disk", info.Size())
	for extent, err := range disk.Extents(in) {
		if err != nil {
			return err
		}
		out.at = extent.Offset
		section := &reader{ctx: ctx, r: io.NewSectionReader(in, extent.Offset, extent.Length), moved: func(n int64) { moved(extent.Offset + n) }}
		if _, err := io.CopyBuffer(struct{ io.Writer }{out}, section, make([]byte, 1<<20)); err != nil {
			return fmt.Errorf("copy disk: %w", err)
		}
	}

	out.at = info.Size()
	return nil
}

// sparse is a file in which blocks of zeroes become holes.
type sparse struct {
	file *os.File
	at   int64
}

// zeroBlock is the granularity of the search for zeroes: the block size of every common filesystem.
const zeroBlock = 4096

func newSparse(path string) (*sparse, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write disk: %w", err)
	}
	return &sparse{file: file}, nil
}

// Write appends p at the current offset.
func (s *sparse) Write(p []byte) (int, error) {
	var zeroes [zeroBlock]byte
	written := 0
	for written < len(p) {
		block := p[written:min(len(p), written+zeroBlock-int(s.at%zeroBlock))]
		if !bytes.Equal(block, zeroes[:len(block)]) {
			if n, err := s.file.WriteAt(block, s.at); err != nil {
				return written + n, fmt.Errorf("write disk: %w", err)
			}
		}
		s.at += int64(len(block))
		written += len(block)
	}

	return written, nil
}

// Close sets the file's length, including holes at the end.
func (s *sparse) Close() error { return errors.Join(s.file.Truncate(s.at), s.file.Close()) }

func removeIf(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove download: %w", err)
	}
	return nil
}
