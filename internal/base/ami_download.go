package base

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/snapshot"
)

// bring downloads a snapshot and moves it, with its digests, into the private directory.
func (m Maker) bring(ctx context.Context, account Account, ami image.AMI, own string, earlier []image.Base) (err error) {
	dir := filepath.Join(account.Partial, own)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep what was downloaded: %w", err)
	}
	held, err := lock(ctx, filepath.Join(dir, "lock"), m.Progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()

	work := filepath.Join(dir, "work")
	if err := begin(ctx, dir, work, own, ami.RootSize*snapshot.GiB, earlier); err != nil {
		return err
	}
	if err := m.downloadAMI(ctx, account, own, work); err != nil {
		return err
	}

	for _, name := range []string{diskFile, snapshot.DigestsFile} {
		if err := os.Rename(filepath.Join(work, name), m.path(name)); err != nil {
			return fmt.Errorf("move disk: %w", err)
		}
	}

	return os.RemoveAll(dir)
}

func (m Maker) downloadAMI(ctx context.Context, account Account, own, work string) error {
	defer m.Progress.Stage("download")()
	file, err := os.OpenFile(filepath.Join(work, diskFile), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("write disk: %w", err)
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("write disk: %w", err)
	}
	digests, err := snapshot.CreateDigests(filepath.Join(work, snapshot.DigestsFile), info.Size())
	if err != nil {
		return err
	}
	defer func() { _ = digests.Close() }() // it was only read

	from, err := os.ReadFile(filepath.Join(work, clonedFrom))
	if err != nil {
		return fmt.Errorf("continue download: %w", err)
	}

	_, err = snapshot.Download{
		Reader: account.Reader, Snapshot: own, Disk: file, Digests: digests, Earlier: string(from), Pace: account.Pace, Bounds: account.Bounds,
		Moved: m.moved("download"),
	}.Run(ctx)
	if err != nil {
		return err
	}

	return errors.Join(file.Sync(), digests.Sync())
}

// clonedFrom is a file that names the snapshot whose disk the download started with; empty if it started with an
// empty disk.
const clonedFrom = "cloned-from"

// begin makes the directory of a download, atomically: with a clone of the most similar base, or with an empty disk
// of this many bytes. It leaves a started download as it is.
func begin(ctx context.Context, dir, work, own string, size int64, earlier []image.Base) error {
	if _, err := os.Stat(work); err == nil {
		return nil
	}
	fresh := filepath.Join(dir, "new")
	if err := errors.Join(os.RemoveAll(fresh), os.Mkdir(fresh, 0o700)); err != nil {
		return fmt.Errorf("begin download: %w", err)
	}

	path := filepath.Join(fresh, diskFile)
	from, err := layDown(ctx, fresh, newest(earlier, own, size))
	err = errors.Join(err, os.WriteFile(filepath.Join(fresh, clonedFrom), []byte(from), 0o600))
	if err != nil {
		return fmt.Errorf("begin download: %w", err)
	}
	if err := errors.Join(os.Chmod(path, 0o600), os.Truncate(path, size), os.Rename(fresh, work)); err != nil {
		return fmt.Errorf("begin download: %w", err)
	}

	return nil
}

// layDown puts the disk that a download starts with into a directory, and returns the snapshot that it is the disk of:
// a clone of a base's disk, or if there is no base an empty file and "".
func layDown(ctx context.Context, dir string, base *image.Base) (string, error) {
	if base == nil {
		return "", os.WriteFile(filepath.Join(dir, diskFile), nil, 0o600)
	}
	return base.Snapshot, cloneBase(ctx, dir, *base)
}

// cloneBase puts a clone of a base's disk into a directory, with a copy of its digests.
func cloneBase(ctx context.Context, dir string, base image.Base) error {
	digests, err := snapshot.Beside(ctx, base.Disk)
	if err != nil {
		return err
	}
	err = digests.Close()
	if err == nil {
		err = disk.Clone(ctx, filepath.Join(dir, diskFile), base.Disk, nil)
	}

	if err == nil {
		err = copyFile(filepath.Join(dir, snapshot.DigestsFile), filepath.Join(filepath.Dir(base.Disk), snapshot.DigestsFile))
	}

	return err
}

// newest returns the most recently pulled base with a disk of this size.
func newest(bases []image.Base, own string, size int64) *image.Base {
	var found *image.Base
	for i, candidate := range bases {
		fits := candidate.AMI != nil && candidate.Snapshot != "" && candidate.Snapshot != own && candidate.Size == size
		if fits && (found == nil || candidate.Created.After(found.Created)) {
			found = &bases[i]
		}
	}
	return found
}

func copyFile(dst, src string) error {
	in, err := os.Open(src)
	if err != nil {
		return fmt.Errorf("copy digests: %w", err)
	}
	defer in.Close()

	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copy digests: %w", err)
	}
	_, err = io.Copy(out, in)

	return errors.Join(err, out.Sync(), out.Close())
}

// moved reports a download as progress.
func (m Maker) moved(stage string) func(snapshot.Moved) {
	return func(moved snapshot.Moved) {
		m.Progress.Send(progress.Event{
			Kind: progress.Bytes, Stage: stage, Done: moved.Done, Total: moved.Total, Rate: moved.Rate, Retries: moved.Retries, Left: moved.Left,
		})
	}
}
