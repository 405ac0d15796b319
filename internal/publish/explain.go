package publish

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"image-builder/internal/disk"
	"image-builder/internal/snapshot"
)

// Cost is what one use of the disk costs in blocks.
type Cost struct {
	What   string `json:"what"` // a path in the image, or the name of a use
	Blocks int64  `json:"blocks"`
	Pages  int64  `json:"pages"` // of 4 KiB that changed
}

// The two kinds of changed free space.
const (
	becameZero  = "free space that became zero"
	otherwiseIn = "free space that holds other bytes"
)

// page is the size in which changes are attributed, in bytes: a filesystem's usual block.
const page = 4096

// Differing returns the blocks in which a disk differs from its base's. Both have their digests beside them afterwards,
// so neither is read whole again.
func Differing(ctx context.Context, path, base string) (*snapshot.Set, error) {
	theirs, err := os.Open(base)
	if err != nil {
		return nil, fmt.Errorf("read base: %w", err)
	}
	defer theirs.Close()

	held, err := snapshot.Beside(ctx, base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = held.Close() }() // it was only read

	found, err := compare(ctx, path, &snapshot.Parent{Digests: held, Disk: theirs})
	return found.Changed, err
}

// Explain attributes each changed block of a disk to what it holds: the use with the most changed pages in it, so that
// the costs' blocks add up to the number of changed blocks. Parent is the disk that it was compared with; "" if it was
// compared with nothing. The costs are in order, the highest first.
func Explain(ctx context.Context, changed *snapshot.Set, path, parent string) ([]Cost, error) {
	uses, err := disk.UsesOf(ctx, path)
	if err != nil {
		return nil, err
	}
	ours, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("explain blocks: %w", err)
	}
	defer ours.Close()

	e := explaining{uses: uses, disk: ours, costs: map[string]*Cost{}, block: make([]byte, snapshot.BlockSize), before: make([]byte, snapshot.BlockSize)}

	if parent != "" {
		e.parent, err = os.Open(parent)
		if err != nil {
			return nil, fmt.Errorf("explain blocks: %w", err)
		}
		defer e.parent.Close()
	}

	for index := range changed.All() {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if err := e.attribute(index); err != nil {
			return nil, fmt.Errorf("explain block %d: %w", index, err)
		}
	}

	return e.sorted(), nil
}

// explaining is an explanation under way.
type explaining struct {
	uses          *disk.Uses
	disk, parent  *os.File
	costs         map[string]*Cost
	block, before []byte
}

// attribute adds a block to what has the most changed pages in it.
func (e *explaining) attribute(index int64) error {
	offset := index * snapshot.BlockSize
	if err := readPadded(e.disk, offset, e.block); err != nil {
		return err
	}
	clear(e.before)

	if e.parent != nil {
		if err := readPadded(e.parent, offset, e.before); err != nil {
			return err
		}
	}

	pages := map[string]int64{}
	most := ""
	for at := int64(0); at < snapshot.BlockSize; at += page {
		if bytes.Equal(e.block[at:at+page], e.before[at:at+page]) {
			continue
		}
		what := e.what(offset+at, e.block[at:at+page])
		pages[what]++
		if pages[what] > pages[most] {
			most = what
		}
	}

	if most == "" { // digests say that it changed, and the disks do not
		return errors.New("it is the same on both disks: they changed meanwhile")
	}

	for what, count := range pages {
		cost := e.costs[what]
		if cost == nil {
			cost = &Cost{What: what}
			e.costs[what] = cost
		}
		cost.Pages += count
	}

	e.costs[most].Blocks++
	return nil
}

// what names the use of a page.
func (e *explaining) what(offset int64, content []byte) string {
	run := e.uses.At(offset)
	switch {
	case run.Use == disk.File:
		return run.Path
	case run.Use == disk.FreeSpace && len(bytes.TrimLeft(content, "\x00")) == 0:
		return becameZero
	case run.Use == disk.FreeSpace:
		return otherwiseIn
	}
	return string(run.Use)
}

func (e *explaining) sorted() []Cost {
	costs := []Cost{}
	for _, cost := range e.costs {
		costs = append(costs, *cost)
	}
	slices.SortFunc(costs, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.Blocks, a.Blocks), cmp.Compare(b.Pages, a.Pages), cmp.Compare(a.What, b.What))
	})
	return costs
}

// readPadded reads a part of a disk, padded with zeroes beyond its end.
func readPadded(file *os.File, offset int64, into []byte) error {
	n, err := file.ReadAt(into, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	clear(into[n:])
	return nil
}
