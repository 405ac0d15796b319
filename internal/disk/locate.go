package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Place is where a byte of a disk lies in its root filesystem.
type Place struct {
	Path   string // absolute in the tree: /etc/hostname
	Offset int64  // in the file, bytes
	// Links are further names of the same file (hard links), in the order of their names.
	Links []string

	info os.FileInfo
}

// Locate says which files hold each of these byte offsets of the disk at path: mostly one, and several where files share
// blocks. An offset that is missing from the result lies in free space, in the filesystem's own structures or in another
// partition.
func Locate(ctx context.Context, path string, offsets []int64) (map[int64][]Place, error) {
	p, err := Root(path)
	if err != nil {
		return nil, err
	}
	f, _, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	places := map[int64][]Place{}
	sorted := slices.Sorted(slices.Values(offsets))
	err = inspect(f, p, func(tree *os.Root) error {
		return fs.WalkDir(tree.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || (!entry.Type().IsRegular() && !entry.IsDir()) {
				return nil // a damaged directory hides its files, not the others
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			return locateIn(tree, name, p.Offset, sorted, places)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("locate bytes of %s: %w", path, err)
	}

	return places, nil
}

// locateIn adds to places the offsets that lie in the file called name. Offsets are sorted.
func locateIn(tree *os.Root, name string, partition int64, offsets []int64, places map[int64][]Place) error {
	file, err := tree.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // unreadable in this tree: it stays unnamed
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return nil
	}

	return fileMap(file, func(logical, physical, length int64) {
		start := partition + physical
		first, _ := slices.BinarySearch(offsets, start)
		for _, offset := range offsets[first:] {
			if offset >= start+length {
				return
			}
			places[offset] = named(places[offset], Place{Path: "/" + name, Offset: logical + offset - start, info: info})
		}
	})
}

// named adds a place to those of a byte: as a further name of a file that is among them, else as a file of its own.
func named(places []Place, another Place) []Place {
	for i, place := range places {
		if os.SameFile(place.info, another.info) {
			if place.Path != another.Path { // the file may hold the block twice
				places[i].Links = append(place.Links, another.Path)
			}
			return places
		}
	}
	return append(places, another)
}

// FIEMAP as in linux/fiemap.h.
const (
	fiemap            = 0xc020660b // _IOWR('f', 11, struct fiemap)
	fiemapHeader      = 32
	fiemapExtent      = 56
	fiemapBatch       = 64
	fiemapLast        = 0x1
	fiemapUnplaced    = 0x2 | 0x4 | 0x8 // unknown, not yet allocated, or compressed or encrypted
	fiemapMaxExtents  = 1 << 20         // of one file, so that a crafted filesystem cannot keep us for ever
	fiemapBufferBytes = fiemapHeader + fiemapBatch*fiemapExtent
)

// fileMap calls use with each extent of f: its offset in the file, its offset in the filesystem, its length.
func fileMap(f *os.File, use func(logical, physical, length int64)) error {
	var buffer [fiemapBufferBytes]byte
	ne := binary.NativeEndian

	start := uint64(0)
	for range fiemapMaxExtents / fiemapBatch {
		clear(buffer[:])
		ne.PutUint64(buffer[0:], start)
		ne.PutUint64(buffer[8:], ^uint64(0)-start)
		ne.PutUint32(buffer[24:], fiemapBatch)

		err := ioctl(f, fiemap, unsafe.Pointer(&buffer[0]))
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTTY) {
			return nil // xfs has no map of a directory
		}
		if err != nil {
			return fmt.Errorf("map %s: %w", f.Name(), err)
		}

		mapped := ne.Uint32(buffer[20:])
		if mapped == 0 {
			return nil
		}

		for i := range int(mapped) {
			extent := buffer[fiemapHeader+i*fiemapExtent:]
			logical := ne.Uint64(extent)
			physical := ne.Uint64(extent[8:])
			length := ne.Uint64(extent[16:])

			flags := ne.Uint32(extent[40:])
			if flags&fiemapUnplaced == 0 {
				use(int64(logical), int64(physical), int64(length))
			}

			if flags&fiemapLast != 0 {
				return nil
			}
			start = logical + length
		}
	}

	return nil
}
