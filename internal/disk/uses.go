package disk

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Use is what a part of a disk is for.
type Use string

// The uses of a disk's bytes.
const (
	File       Use = "file" // regular file or directory; Run.Path names it
	Journal    Use = "journal"
	Inodes     Use = "inode tables"
	Structures Use = "structures of the filesystem" // superblocks, bitmaps, trees, extended attributes
	FreeSpace  Use = "free space"
	Outside    Use = "outside the root partition" // partition tables, boot partitions
)

// Run is a run of bytes of a disk that has one use.
type Run struct {
	Offset, Length int64
	Use            Use
	Path           string // of a File, absolute in the tree; one of its names
}

// Uses are the runs of a disk, in order. Where they overlap, a file's counts.
type Uses struct {
	files, others []Run
	root          Run // the partition
}

// UsesOf says what the bytes of the disk at path are for: the root filesystem is mounted read-only, each file's
// extents are read, and the filesystem is asked for its own structures and its free space.
// https://docs.kernel.org/filesystems/fiemap.html https://man7.org/linux/man-pages/man2/ioctl_getfsmap.2.html
func UsesOf(ctx context.Context, path string) (*Uses, error) {
	p, err := Root(path)
	if err != nil {
		return nil, err
	}
	f, size, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	uses := &Uses{root: Run{Offset: p.Offset, Length: cmp.Or(p.Size, size-p.Offset), Use: Structures}}
	uses.others, err = journalOf(f, p)
	if err != nil {
		return nil, err
	}
	err = inspect(f, p, func(tree *os.Root) error {
		if err := uses.addStructures(tree, p.Offset); err != nil {
			return err
		}
		return uses.addFiles(ctx, tree, p.Offset)
	})
	if err != nil {
		return nil, fmt.Errorf("find what lies on %s: %w", path, err)
	}

	uses.files = inOrder(uses.files)
	uses.others = inOrder(uses.others)
	return uses, nil
}

func inOrder(runs []Run) []Run {
	slices.SortStableFunc(runs, func(a, b Run) int { return cmp.Compare(a.Offset, b.Offset) })
	return runs
}

// At returns the run that a byte lies in.
func (u *Uses) At(offset int64) Run {
	if offset < u.root.Offset || offset >= u.root.Offset+u.root.Length {
		return Run{Use: Outside}
	}
	if run, ok := find(u.files, offset); ok {
		return run
	}
	if run, ok := find(u.others, offset); ok {
		return run
	}
	return u.root
}

// find returns the run with a byte, among runs in order.
func find(runs []Run, offset int64) (Run, bool) {
	at, exact := slices.BinarySearchFunc(runs, offset, func(r Run, offset int64) int { return cmp.Compare(r.Offset, offset) })
	if !exact {
		at--
	}
	if at < 0 || offset >= runs[at].Offset+runs[at].Length {
		return Run{}, false
	}
	return runs[at], true
}

func (u *Uses) addFiles(ctx context.Context, tree *os.Root, partition int64) error {
	return fs.WalkDir(tree.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || (!entry.Type().IsRegular() && !entry.IsDir()) {
			return nil // a damaged directory hides its files, not the others
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}

		file, err := tree.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil // unreadable in this tree: it stays unnamed
		}
		defer file.Close()

		path := "/" + name
		if name == "." {
			path = "/"
		}

		return fileMap(file, func(_, physical, length int64) {
			u.files = append(u.files, Run{Offset: partition + physical, Length: length, Use: File, Path: path})
		})
	})
}
