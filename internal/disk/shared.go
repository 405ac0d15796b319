package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Shared returns the extents of a clone that are still the very blocks of its base, in order: at the same place of both
// files, at the same place of the filesystem. Nothing wrote to these since the clone was made. Where a filesystem copies
// instead of sharing, there are none. A clone that shares is flushed first, because only what is written has a place.
func Shared(clone, base *os.File) ([]Extent, error) {
	same, err := sameFilesystem(clone, base)
	if err != nil || !same {
		return nil, err
	}
	shared, err := samePlaces(clone, base)
	if err != nil || len(shared) == 0 { // flushing never makes files share more
		return nil, err
	}
	if err := clone.Sync(); err != nil {
		return nil, fmt.Errorf("compare with base: %w", err)
	}

	return samePlaces(clone, base)
}

// block is a run of bytes of a file: its offsets in the file and in the filesystem, its length.
type block struct{ logical, physical, length int64 }

// samePlaces returns what two files have at the same offset in both and in the filesystem.
func samePlaces(clone, base *os.File) ([]Extent, error) {
	var held []block
	err := fileMap(base, func(logical, physical, length int64) { held = append(held, block{logical, physical, length}) })
	if err != nil {
		return nil, fmt.Errorf("compare with base: %w", err)
	}
	var shared []Extent
	err = fileMap(clone, func(logical, physical, length int64) {
		for len(held) > 0 && held[0].logical+held[0].length <= logical {
			held = held[1:]
		}

		for _, h := range held {
			if h.logical >= logical+length {
				return
			}
			start := max(logical, h.logical)
			end := min(logical+length, h.logical+h.length)
			if physical-logical == h.physical-h.logical {
				shared = append(shared, Extent{Offset: start, Length: end - start})
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("compare with base: %w", err)
	}

	return shared, nil
}

func sameFilesystem(a, b *os.File) (bool, error) {
	infoA, errA := a.Stat()
	infoB, errB := b.Stat()
	if err := errors.Join(errA, errB); err != nil {
		return false, fmt.Errorf("compare with base: %w", err)
	}
	return infoA.Sys().(*syscall.Stat_t).Dev == infoB.Sys().(*syscall.Stat_t).Dev, nil
}
