package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"image-builder/internal/snapshot"
)

// nightly is the part of a disk's blocks that a nightly bake changes.
const nightly = 0.03

// nightlyBlocks is how many blocks of the files the nightly job writes to.
const nightlyBlocks = fullData / snapshot.BlockSize * 3 / 100

//go:embed job/nightly.sh
var nightlyScript string

// nightlyJob is the script of a nightly bake for disks of makeDisk.
func nightlyJob() string {
	return strings.NewReplacer(
		"@COUNT@", strconv.Itoa(nightlyBlocks), "@EACH@", strconv.Itoa(fullData/snapshot.BlockSize/nightlyBlocks),
		"@BLOCKS@", strconv.Itoa(fileSize/snapshot.BlockSize),
	).Replace(nightlyScript)
}

// nightly publishes what a nightly bake makes of the account's AMI.
func (j *jobs) nightly(ctx context.Context, a *account, v *volume, latency time.Duration) (contestant, error) {
	s := &shelf{program: j.program, dir: filepath.Join(v.dir, fmt.Sprintf("nightly-%v", latency))}
	if err := s.pull(ctx, a); err != nil {
		return contestant{}, err
	}
	job, err := write(filepath.Join(s.dir, "nightly.sh"), nightlyJob(), 0o755)
	if err != nil {
		return contestant{}, err
	}

	id := ""
	c := j.publishing(nightlyName+v.kind, a, s, func(ctx context.Context) (string, int64, error) {
		baked, changed, err := s.bake(ctx, a, job)
		id = baked
		return baked, changed, err
	})
	c.after = func(ctx context.Context) error {
		_, err := output(ctx, s.program, "--data-dir", s.dir, "image", "remove", id)
		return err
	}

	return c, nil
}

// bake bakes a job on the account's AMI, in a machine that has AWS credentials as those have that publish. It returns the
// image's ID, and how many of its blocks differ from the base's.
func (s *shelf) bake(ctx context.Context, a *account, job string) (id string, changed int64, err error) {
	_, id, err = timed(a.command(ctx, s.program, "--data-dir", s.dir, "bake", job, "--base", a.ami, "--test", "none"))
	if err != nil {
		return "", 0, err
	}
	found, err := changedIn(filepath.Join(s.dir, "images", id, "disk.raw"), s.base.Disk)
	if err == nil && (found.blocks < nightlyBlocks || found.blocks > nightlyBlocks*12/10) { // inodes and the superblock change, too
		err = errors.New("the job did something else")
	}
	if err != nil {
		return "", 0, fmt.Errorf("bake %s: %d blocks changed: %w", job, found.blocks, err)
	}

	return id, found.blocks, nil
}

// readingBaked counts what publish --plan reads of an image that was baked.
func (j *jobs) readingBaked(ctx context.Context, a *account, s *shelf, v *volume) error {
	job, err := write(filepath.Join(s.dir, "nightly.sh"), nightlyJob(), 0o755)
	if err != nil {
		return err
	}
	id, changed, err := s.bake(ctx, a, job)
	if err != nil {
		return err
	}
	read, err := bytesRead(a.command(ctx, s.planArgs(id)...))
	if err != nil {
		return err
	}

	own := changed * snapshot.BlockSize
	r := row{
		Group: changesGroup + ", " + v.kind, Name: "bytes read by all of publish --plan, of a baked image",
		Against: "bytes of the changed blocks", Ratio: float64(read) / float64(own),
	}
	r.aim("≤ 1.1×", r.Ratio <= 1.1)
	j.report.add(r)
	j.report.note("%s: publish --plan of a baked image read %.1f MiB in all, of which %.0f MiB changed", v.kind, mib(read), mib(own))

	return nil
}
