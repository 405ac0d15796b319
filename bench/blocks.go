package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"image-builder/internal/snapshot"
)

//go:embed job/xfsroot.sh
var xfsRoot string

const pageSize = 4096

// blocks counts the blocks and pages that bakes change, on a root filesystem of each kind. The disks are on the last
// volume, which clones them at once if it is xfs.
func (j *jobs) blocks(ctx context.Context) error {
	v := j.volumes[len(j.volumes)-1]
	roots := []struct{ kind, base string }{{"ext4", v.base}}

	if installed("mkfs.xfs") {
		script, err := write(filepath.Join(j.work, "xfsroot.sh"), xfsRoot, 0o700)
		if err != nil {
			return err
		}
		disk := filepath.Join(v.dir, "xfsroot.raw")
		if _, err := output(ctx, "sh", script, v.base, disk, j.offset, j.size); err != nil {
			return err
		}
		roots = append(roots, struct{ kind, base string }{"xfs", disk})
	}

	for _, root := range roots {
		for _, job := range []string{"null", "package", "mirror"} {
			if err := j.blocksOf(ctx, v, root.kind, root.base, job); err != nil {
				return err
			}
		}
	}

	j.report.note("blocks: counted by comparing the image's disk with the base's, pages of 4 KiB against blocks of 512 KiB; no time is measured")
	return nil
}

// blocksOf bakes a job once and counts.
func (j *jobs) blocksOf(ctx context.Context, v *volume, kind, base, job string) error {
	say("blocks that the %s job changes on %s", job, kind)
	data := filepath.Join(v.dir, "blocks-"+kind)
	if _, err := output(ctx, j.program, "--data-dir", data, "base", "pull", "--name", baseName, base); err != nil {
		return err
	}
	id, err := output(ctx, j.program, "--data-dir", data, "bake", j.scripts[job], "--base", baseName, "--test", "none")
	if err != nil {
		return err
	}

	found, err := changedIn(filepath.Join(data, "images", id, "disk.raw"), base)
	if err != nil {
		return err
	}
	r := row{
		Group: "blocks that a bake changes, " + kind + " root", Name: fmt.Sprintf("%s: %d blocks, %d pages", job, found.blocks, found.pages),
		Against: "the bytes of the changed pages", Ratio: found.amplification(),
	}

	if job == "mirror" {
		r.aim("≤ 1.1×", r.Ratio <= 1.1)
	}

	j.report.add(r)
	return nil
}

// differing is how much of a disk differs from another.
type differing struct{ blocks, pages int64 }

// amplification is the bytes of the blocks to those of the pages.
func (d differing) amplification() float64 {
	if d.pages == 0 {
		return 0
	}
	return float64(d.blocks*snapshot.BlockSize) / float64(d.pages*pageSize)
}

// changedIn compares a disk with another, page by page. What one has beyond the other's end counts where it is not zero.
func changedIn(path, otherPath string) (found differing, err error) {
	file, fileErr := os.Open(path)
	other, otherErr := os.Open(otherPath)
	if err := errors.Join(fileErr, otherErr); err != nil {
		return found, err
	}
	defer file.Close()
	defer other.Close()

	ours := make([]byte, snapshot.BlockSize)
	theirs := make([]byte, snapshot.BlockSize)

	for at := int64(0); ; at += snapshot.BlockSize {
		more, err := readAt(file, ours, at)
		otherMore, otherErr := readAt(other, theirs, at)
		if err := errors.Join(err, otherErr); err != nil || (!more && !otherMore) {
			return found, err
		}

		if pages := differingPages(ours, theirs); pages > 0 {
			found.blocks++
			found.pages += pages
		}
	}
}

// readAt reads a block, with zeroes beyond the file's end, and reports whether the file has a part of it.
func readAt(file *os.File, into []byte, at int64) (bool, error) {
	n, err := file.ReadAt(into, at)
	clear(into[n:])
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n > 0, err
}

// differingPages counts the pages in which two blocks differ.
func differingPages(ours, theirs []byte) (pages int64) {
	for at := 0; at < len(ours); at += pageSize {
		if !bytes.Equal(ours[at:at+pageSize], theirs[at:at+pageSize]) {
			pages++
		}
	}
	return pages
}
