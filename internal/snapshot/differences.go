package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"image-builder/internal/disk"
)

// Differences are the blocks in which a disk differs from its base, on a filesystem that copied the base. Finding them
// reads both disks, so a bake finds them once and keeps them beside the disk. A later Comparison then reads only these
// blocks, as long as nothing touched either file.
type Differences struct {
	ours, theirs *os.File
	blocks       *Set
	seen         states // before the comparison
}

// FindDifferences compares a disk with its base. Both files must stay open until Keep. With patient false it takes a block
// of the base for one that differs unless the block is in memory: it never waits for the drive to read the base.
func FindDifferences(ctx context.Context, ours, theirs *os.File, patient bool) (*Differences, error) {
	seen, err := statesOf(ours, theirs)
	if err != nil {
		return nil, fmt.Errorf("find differences: %w", err)
	}
	count := blocksOf(seen.Disk.Size)
	work := &differing{
		Differences: Differences{ours: ours, theirs: theirs, blocks: newSet(count), seen: seen},
		patient:     patient, count: count, whole: min(seen.Disk.Size, seen.Base.Size) / BlockSize, data: newSet(count),
	}

	for _, file := range []*os.File{ours, theirs} {
		if err := work.addData(file); err != nil {
			return nil, fmt.Errorf("find differences: %w", err)
		}
	}

	group, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error { return work.stretches(ctx) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("find differences: %w", err)
	}

	return &work.Differences, nil
}

// differing is a search for differences under way.
type differing struct {
	Differences

	patient bool
	data    *Set  // blocks that either disk has data in: the others are zero on both
	count   int64 // of the disk's blocks
	whole   int64 // of the blocks that both disks have to the end
	next    atomic.Int64
}

func (d *differing) addData(file *os.File) error {
	end := d.count * BlockSize
	for extent, err := range disk.Extents(file) {
		if err != nil {
			return err
		}
		if extent.Offset < end {
			d.data.addBytes(extent.Offset, min(extent.Length, end-extent.Offset))
		}
	}
	return nil
}

// stretches handles stretches of blocks until none is left; several goroutines run it.
func (d *differing) stretches(ctx context.Context) error {
	ours := make([]byte, BlockSize)
	theirs := make([]byte, BlockSize)

	for {
		first := d.next.Add(stretch) - stretch
		switch {
		case first >= d.count:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}

		for index := first; index < min(first+stretch, d.count); index++ {
			if err := d.compare(index, ours, theirs); err != nil {
				return err
			}
		}
	}
}

// compare adds a block with data unless it is known to be the same on both disks.
func (d *differing) compare(index int64, ours, theirs []byte) error {
	if !d.data.Has(index) {
		return nil
	}

	same, err := d.same(index, ours, theirs)
	if err == nil && !same {
		d.blocks.Add(index)
	}
	return err
}

// same reads a block of both disks, the base's first.
func (d *differing) same(index int64, ours, theirs []byte) (bool, error) {
	if index >= d.whole {
		return false, nil
	}
	read := readBlock
	if !d.patient {
		read = readInMemory
	}
	err := read(d.theirs, index, theirs)
	if errors.Is(err, unix.EAGAIN) {
		return false, nil
	}
	if err == nil {
		err = readBlock(d.ours, index, ours)
	}

	return bytes.Equal(ours, theirs), err
}

// readInMemory reads a whole block of a disk without waiting for the drive. The error is EAGAIN if the block is not in
// memory.
func readInMemory(file *os.File, index int64, into []byte) error {
	n, err := unix.Preadv2(int(file.Fd()), [][]byte{into}, index*BlockSize, unix.RWF_NOWAIT)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return readBlock(file, index, into)
	case err == nil && n < len(into):
		return unix.EAGAIN
	case err != nil:
		return fmt.Errorf("read disk: %w", err)
	}
	return nil
}

// Equal returns the disk's data that the base holds at the same place, byte for byte, in order.
func (d *Differences) Equal() ([]disk.Extent, error) {
	extents, err := collect(d.ours)
	if err != nil {
		return nil, err
	}

	var differ []disk.Extent
	for run := range d.blocks.runs() {
		differ = append(differ, disk.Extent{Offset: run.First * BlockSize, Length: run.Count * BlockSize})
	}

	return subtract(extents, differ), nil
}
