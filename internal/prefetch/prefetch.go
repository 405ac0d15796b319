// Package prefetch is the stage that lets an image read ahead what it boots from: the finished disk is booted once, what that
// boot reads of it is listed in the image, and a small unit reads the list early in every boot.
//
// Another package boots the disk, through a port, and does not change it. The image gets a list, a Python script and a systemd
// unit, no program; nothing in the image waits for them, and without them it boots as before. The package never moves data
// on the disk, and does not look at whether the reading pays: the bench does.
package prefetch

import (
	"context"
	"errors"
	"fmt"
	"os"

	"image-builder/internal/bootmap"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/progress"
)

// Prefetch holds what the stage needs from outside.
type Prefetch struct {
	// Boot boots a disk without changing it, as far as what is to be read ahead is read, and returns what was seen.
	Boot   func(ctx context.Context, disk string) (bootmap.Boot, error)
	Report progress.Func
}

// Disk gives a disk its list and its unit; those of an earlier bake are replaced. dir is a private directory, which is left as it
// was. An image without systemd yields a *disk.Unusable.
func (p Prefetch) Disk(ctx context.Context, path, dir string) (image.Prefetch, error) {
	defer p.Report.Stage("prefetch")()
	// First the unit without a list: the boot that is watched reads it too, and must not read an older list ahead.
	if err := p.change(ctx, path, dir, install); err != nil {
		return image.Prefetch{}, err
	}
	seen, err := p.Boot(ctx, path)
	if err != nil {
		return image.Prefetch{}, fmt.Errorf("list what the boot reads: %w", err)
	}

	partition, err := disk.Root(path)
	if err != nil {
		return image.Prefetch{}, err
	}
	runs := within(seen.Ahead(), partition)
	if err := p.change(ctx, path, dir, func(tree *os.Root) error { return writeList(tree, partition, runs) }); err != nil {
		return image.Prefetch{}, err
	}

	made := image.Prefetch{Runs: len(runs), Booted: image.Duration(max(seen.Login, seen.Job)), Job: seen.Job > 0, Accelerator: seen.Accel}
	for _, run := range runs {
		made.Bytes += run.Length
	}

	return made, nil
}

// change changes the tree of a disk, and leaves nothing of what it replaced in free space.
func (p Prefetch) change(ctx context.Context, path, dir string, change func(*os.Root) error) (err error) {
	point, err := os.MkdirTemp(dir, "prefetch-")
	if err != nil {
		return fmt.Errorf("write prefetch list: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(point)) }()
	mount, err := disk.Open(ctx, path, point)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mount.Close(ctx)) }()

	tree, err := os.OpenRoot(point)
	if err != nil {
		return fmt.Errorf("write prefetch list: %w", err)
	}
	if err := errors.Join(change(tree), tree.Close()); err != nil {
		return named(path, err)
	}

	return mount.Trim(ctx)
}

// named says which disk cannot be used.
func named(path string, err error) error {
	if unusable := (*disk.Unusable)(nil); errors.As(err, &unusable) {
		unusable.Path = path
		return err
	}
	return fmt.Errorf("write prefetch list: %w", err)
}

// within returns what of runs lies in a partition, from its start, in pages.
func within(runs []disk.Extent, p disk.Partition) []disk.Extent {
	var list []disk.Extent
	for _, run := range runs {
		start := max(run.Offset-p.Offset, 0) / page * page
		end := (run.Offset + run.Length - p.Offset + page - 1) / page * page
		if p.Size > 0 {
			end = min(end, p.Size/page*page)
		}
		if end > start {
			list = append(list, disk.Extent{Offset: start, Length: end - start})
		}
	}

	return list
}

// page is what direct reads must be multiples of, at most, in bytes.
const page = 4096
