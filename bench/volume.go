package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// volume is a directory on the file system that is measured.
type volume struct {
	kind    string // ext4, xfs
	dir     string
	data    string // the product's data directory
	base    string // the base disk, here
	secrets string
}

const volumeSize = "24G" // sparse; eight copies of the base fit, and the repository

// makeVolumes returns the scratch directory itself if it lies on ext4, else an ext4 in a file; and a reflink xfs in a file.
func (b *bench) makeVolumes(ctx context.Context) ([]*volume, error) {
	ext4 := &volume{kind: "ext4", dir: filepath.Join(b.work, "ext4")}
	xfs := &volume{kind: "reflink xfs", dir: filepath.Join(b.work, "xfs")}
	var err error

	if filesystem(b.work) == "ext2/ext3" {
		err = os.Mkdir(ext4.dir, 0o700)
	} else {
		err = b.makeVolume(ctx, ext4, "mkfs.ext4", "-q", "-F")
	}

	if err != nil {
		return nil, err
	}
	if !installed("mkfs.xfs") {
		b.report.note("skipped reflink xfs: mkfs.xfs is not installed: apt-get install xfsprogs")
		return []*volume{ext4}, nil
	}

	return []*volume{ext4, xfs}, b.makeVolume(ctx, xfs, "mkfs.xfs", "-q", "-m", "reflink=1")
}

// makeVolume makes a file system in a file and mounts it; the loop device goes with the mount, and the mount with us.
func (b *bench) makeVolume(ctx context.Context, v *volume, mkfs ...string) error {
	file := v.dir + ".img"
	for _, args := range [][]string{{"truncate", "-s", volumeSize, file}, append(mkfs, file), {"mkdir", v.dir}, {"mount", "-o", "loop,discard", file, v.dir}} {
		if _, err := output(ctx, args...); err != nil {
			return err
		}
	}

	b.cleanup = append(b.cleanup, func() error {
		_, err := output(context.WithoutCancel(ctx), "umount", v.dir)
		return err
	})
	return nil
}

// findBase returns the raw disk that all contestants start from.
func (b *bench) findBase(ctx context.Context) (string, error) {
	if b.base != "" {
		return filepath.Abs(b.base)
	}
	pattern := filepath.Join(b.cache, "bases", "*", "disk.raw")
	if found, _ := filepath.Glob(pattern); len(found) > 0 {
		return filepath.Abs(found[0])
	}

	say("building the base debian:bookworm (once; it stays in %s)", b.cache)
	if _, err := output(ctx, b.program, "--data-dir", b.cache, "base", "build", "debian:bookworm"); err != nil {
		return "", err
	}
	found, err := filepath.Glob(pattern)
	if len(found) == 0 {
		return "", errors.Join(fmt.Errorf("find %s: no base was built", pattern), err)
	}

	return filepath.Abs(found[0])
}

// fill gives a volume its data directory with the base in it, and the secrets of the bakes.
func (v *volume) fill(ctx context.Context, program, base string) error {
	v.data = filepath.Join(v.dir, "data")
	v.secrets = filepath.Join(v.dir, "secrets")
	if _, err := output(ctx, program, "--data-dir", v.data, "base", "pull", "--name", baseName, base); err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(v.data, "bases", "*", "disk.raw"))
	if err != nil || len(found) != 1 {
		return errors.Join(fmt.Errorf("find the base in %s: %d disks", v.data, len(found)), err)
	}

	v.base = found[0]
	return writeSecrets(v.secrets, 5)
}

const baseName = "bench"

// rootPartition returns where the root file system of a disk lies, in bytes: its largest Linux partition.
func rootPartition(ctx context.Context, disk string) (offset, size string, err error) {
	out, err := output(ctx, "partx", "--bytes", "--noheadings", "--raw", "--output", "START,SIZE", disk)
	if err != nil {
		return "", "", err
	}
	var largest int64
	for line := range strings.Lines(out) {
		var sector, bytes int64
		if _, err := fmt.Sscan(line, &sector, &bytes); err == nil && bytes > largest {
			largest = bytes
			offset = fmt.Sprint(sector * 512)
			size = fmt.Sprint(bytes)
		}
	}

	if largest == 0 {
		return "", "", fmt.Errorf("find the root partition of %s: partx shows none", disk)
	}
	return offset, size, nil
}
