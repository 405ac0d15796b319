package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Settle gives a disk that was cloned from a base, used and unmounted, the base's bytes again where its own mean
// nothing, so that as few blocks as possible differ. These are: the journal of an ext4 that both left empty; the log of
// an xfs ahead of its head, which the kernel overwrites at each mount; with free, also what was free space of the base
// and is free now. What was a file of the base never comes back. It leaves alone what it does not understand.
func Settle(ctx context.Context, path, base string, free bool) error {
	err := settle(ctx, path, base, free)
	if err != nil {
		return fmt.Errorf("settle disk %s: %w", path, err)
	}
	return nil
}

func settle(ctx context.Context, path, base string, free bool) error {
	ours, size, err := open(path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer ours.Close()

	theirs, baseSize, err := open(base, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer theirs.Close()

	mine, err := Root(path)
	if err != nil {
		return err
	}
	before, err := Root(base)
	if err != nil || mine.Filesystem != before.Filesystem || mine.Offset != before.Offset {
		return err
	}

	left, clean, err := leftOver(ours, theirs, mine)
	if err != nil {
		return err
	}

	if free && clean {
		unused, err := freeInBoth(ours, theirs, mine, before)
		if err != nil {
			return err
		}
		left = append(left, unused...)
	}

	for _, run := range left {
		run.Length = min(run.Length, size-run.Offset, baseSize-run.Offset)
		if err := restore(ctx, ours, theirs, run); err != nil {
			return err
		}
	}

	return nil
}

// leftOver returns the runs of a journal whose bytes mean nothing on both disks, and whether the base was unmounted
// cleanly, so that its structures say what is free.
func leftOver(ours, theirs *os.File, p Partition) (runs []Run, clean bool, err error) {
	mine, err := journalOf(ours, p)
	if err != nil {
		return nil, false, err
	}
	before, err := journalOf(theirs, p)
	if err != nil || len(mine) == 0 || len(mine) != len(before) {
		return nil, false, err
	}

	info, err := theirs.Stat()
	if err != nil {
		return nil, false, err
	}
	for i, run := range mine {
		if run != before[i] || !plausible(run, p, info.Size()) {
			return nil, false, nil
		}
	}

	if p.Filesystem == XFS {
		return logAhead(ours, theirs, mine[0])
	}

	emptied, err := emptyJournal(ours, p, mine[0].Offset)
	if err == nil && emptied {
		clean, err = emptyJournal(theirs, p, mine[0].Offset)
	}
	if err != nil || !clean {
		return nil, false, err
	}

	return mine, true, nil
}

// mostJournal bounds the journal that is looked at, in bytes: a crafted superblock may name any length.
const mostJournal = 1 << 30

// plausible reports whether a journal lies in the partition, on a disk of this size.
func plausible(run Run, p Partition, size int64) bool {
	end := size
	if p.Size > 0 {
		end = min(end, p.Offset+p.Size)
	}
	return run.Length > 0 && run.Length <= mostJournal && run.Offset >= p.Offset && run.Offset <= end-run.Length
}

// freeInBoth returns the runs that are free space on both disks.
func freeInBoth(ours, theirs *os.File, mine, before Partition) ([]Run, error) {
	now, err := freeSpace(ours, mine)
	if err != nil {
		return nil, err
	}
	was, err := freeSpace(theirs, before)
	if err != nil {
		return nil, err
	}
	return intersect(now, was), nil
}

func freeSpace(f *os.File, p Partition) ([]Run, error) {
	uses := &Uses{}
	err := inspect(f, p, func(tree *os.Root) error { return uses.addStructures(tree, p.Offset) })
	if err != nil {
		return nil, err
	}

	var runs []Run
	for _, run := range inOrder(uses.others) {
		if run.Use == FreeSpace {
			runs = append(runs, run)
		}
	}

	return runs, nil
}

// intersect returns what lies in both of two lists, each in order and free of overlaps.
func intersect(a, b []Run) []Run {
	var both []Run
	for len(a) > 0 && len(b) > 0 {
		start := max(a[0].Offset, b[0].Offset)
		endA := a[0].Offset + a[0].Length
		endB := b[0].Offset + b[0].Length

		if end := min(endA, endB); end > start {
			both = append(both, Run{Offset: start, Length: end - start, Use: a[0].Use})
		}

		if endA <= endB {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}

	return both
}

// piece is what restore compares at a time, in bytes.
const piece = 64 << 10

// restore gives a run of out the bytes of in. It writes only where they differ, and keeps holes.
func restore(ctx context.Context, out, in *os.File, run Run) error {
	for _, file := range []*os.File{out, in} {
		at := run.Offset
		for at < run.Offset+run.Length {
			extent, err := nextExtent(file, at)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}

			start := max(extent.Offset, at)
			at = min(extent.Offset+extent.Length, run.Offset+run.Length)
			if err := restoreData(ctx, out, in, start, at); err != nil {
				return err
			}
			at = max(at, extent.Offset+extent.Length)
		}
	}

	return nil
}

func restoreData(ctx context.Context, out, in *os.File, at, end int64) error {
	ours := make([]byte, piece)
	theirs := make([]byte, piece)
	for at < end {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n := min(piece-at%piece, end-at)
		if _, err := out.ReadAt(ours[:n], at); err != nil {
			return err
		}
		if _, err := in.ReadAt(theirs[:n], at); err != nil {
			return err
		}

		if !bytes.Equal(ours[:n], theirs[:n]) {
			if err := put(out, at, theirs[:n]); err != nil {
				return err
			}
		}
		at += n
	}

	return nil
}

// put writes bytes, zeroes as a hole.
func put(out *os.File, at int64, text []byte) error {
	if len(bytes.TrimLeft(text, "\x00")) > 0 {
		_, err := out.WriteAt(text, at)
		return full(err)
	}
	return unix.Fallocate(int(out.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, int64(len(text)))
}
