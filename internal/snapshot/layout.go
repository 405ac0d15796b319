package snapshot

import (
	"fmt"
	"os"

	"image-builder/internal/disk"
)

// layout says how to find the digest of each block of a disk.
type layout struct {
	data *Set // blocks with data: the others are holes
	own  *Set // blocks of data that must be read: the others are the parent's
	// written says that own holds only blocks that were written to, since the disk shares extents with the parent's, or
	// its differences from the parent's are known. Nearly all of them differ.
	written bool
}

// newLayout reads the extents of a disk, and those that it shares with its parent's disk, which may be nil.
func newLayout(file, parent *os.File, blocks int64) (layout, error) {
	l := layout{data: newSet(blocks)}
	for extent, err := range disk.Extents(file) {
		if err != nil {
			return layout{}, fmt.Errorf("compare disk: %w", err)
		}
		l.data.addBytes(extent.Offset, extent.Length)
	}

	l.own = l.data
	if parent == nil {
		return l, nil
	}

	if differ := keptDifferences(file, parent, blocks); differ != nil {
		l.written = true
		l.own = differ
		return l, nil
	}
	shared, err := disk.Shared(file, parent)
	if err != nil || len(shared) == 0 {
		return l, err
	}

	extents, err := collect(file)
	if err != nil {
		return layout{}, err
	}
	theirs, err := collect(parent)
	if err != nil {
		return layout{}, err
	}

	// A block is the parent's own if neither disk has data in it that the other lacks.
	l.written = true
	l.own = newSet(blocks)
	for _, extent := range subtract(extents, shared) {
		l.own.addBytes(extent.Offset, extent.Length)
	}

	end := blocks * BlockSize
	for _, extent := range subtract(theirs, shared) {
		if extent.Offset < end {
			l.own.addBytes(extent.Offset, min(extent.Length, end-extent.Offset))
		}
	}

	return l, nil
}

func collect(file *os.File) ([]disk.Extent, error) {
	var extents []disk.Extent
	for extent, err := range disk.Extents(file) {
		if err != nil {
			return nil, fmt.Errorf("compare disk: %w", err)
		}
		extents = append(extents, extent)
	}
	return extents, nil
}

// subtract returns the parts of some extents that are not in others. Both are sorted and free of overlaps.
func subtract(extents, without []disk.Extent) []disk.Extent {
	var rest []disk.Extent
	for _, extent := range extents {
		at := extent.Offset
		end := extent.Offset + extent.Length

		for len(without) > 0 && without[0].Offset+without[0].Length <= at {
			without = without[1:]
		}

		for _, w := range without {
			if w.Offset >= end {
				break
			}
			if w.Offset > at {
				rest = append(rest, disk.Extent{Offset: at, Length: w.Offset - at})
			}
			at = max(at, w.Offset+w.Length)
		}

		if at < end {
			rest = append(rest, disk.Extent{Offset: at, Length: end - at})
		}
	}

	return rest
}
