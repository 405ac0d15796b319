package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"image-builder/internal/filelock"
	"image-builder/internal/image"
)

// Run is a private directory for work in progress. It belongs to this process until Close; if the process dies, the
// next one that opens the data directory clears it away.
type Run struct {
	ID  string // also the ID of the resulting image
	Dir string

	store *Store
	lock  *filelock.Lock
	moved bool             // Dir is no longer ours to remove
	held  []*filelock.Lock // locks on the bases that the run needs
}

// NewRun makes a run directory, readable by its owner only.
func (s *Store) NewRun(ctx context.Context) (*Run, error) {
	if _, err := s.clearLogs(ctx); err != nil {
		return nil, explain(s.dir, err)
	}

	for ctx.Err() == nil {
		run := &Run{ID: image.NewID(), store: s}
		run.Dir = filepath.Join(s.dir, runsDir, run.ID)
		if err := os.Mkdir(run.Dir, 0o700); err != nil {
			return nil, explain(s.dir, fmt.Errorf("create run: %w", err))
		}
		lock, err := tryLock(run.Dir)
		if err == nil {
			run.lock = lock
			return run, nil
		}

		// Between Mkdir and the lock, another process may have taken the directory for an abandoned one.
		if !errors.Is(err, errHeld) && !errors.Is(err, fs.ErrNotExist) {
			return nil, explain(s.dir, errors.Join(err, os.Remove(run.Dir)))
		}
	}

	return nil, fmt.Errorf("create run: %w", context.Cause(ctx))
}

// Commit turns the run's directory into the image's and commits it. Once it returns nil the image is visible to
// everyone, with its parameter and its event; before, nothing is. The disk must be closed and lie in Dir, as must the
// logs; the returned image has their new paths. A failed image (img.Failed) is kept without parameter and event.
// After an error the files are in Dir again, for Close to remove.
func (r *Run) Commit(ctx context.Context, img image.Image) (image.Image, error) {
	if img.ID != r.ID {
		return img, fmt.Errorf("commit image %s: the run's ID is %s", img.ID, r.ID)
	}
	home := filepath.Join(r.store.dir, imagesDir, r.ID)
	placed := mapPaths(img, func(path string) string { return rebase(path, r.Dir, home) })
	if err := errors.Join(writeBeside(r.Dir, mapPaths(placed, r.store.relative)), r.flush()); err != nil {
		return img, explain(r.store.dir, err)
	}

	r.store.reached("flushed")

	if err := r.move(home); err != nil {
		return img, explain(r.store.dir, err)
	}
	r.store.reached("moved")

	if err := r.store.commitOnce(ctx, placed); err != nil {
		return img, errors.Join(err, r.moveBack(home))
	}
	r.store.reached(Committed)

	if err := settle(home); err != nil {
		return placed, explain(r.store.dir, err)
	}
	r.store.reached("settled")

	return placed, nil
}

// commitOnce finishes a commit once it began: an interruption would leave open whether it happened.
func (s *Store) commitOnce(ctx context.Context, img image.Image) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("record image %s: %w", img.ID, context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()

	err := s.record(ctx, img)
	if err == nil {
		return nil
	}
	if known, lookup := s.hasRow(ctx, imagesDir, img.ID); lookup == nil && known {
		return nil
	}

	return err
}

// Close removes the run's directory, unless it was committed, and releases it. It first takes down any mounts and
// loop devices that are left. Calling it again does nothing.
func (r *Run) Close() error {
	if r.lock == nil {
		return nil
	}
	var err error

	if !r.moved {
		_, err = r.store.discard(r.Dir)
	}

	err = errors.Join(err, r.lock.Close())
	r.lock = nil

	for _, lock := range r.held {
		err = errors.Join(err, lock.Close())
	}

	r.held = nil
	return err
}

// Hold keeps the disk of a base until Close: meanwhile it cannot be removed, and pulling it again leaves this disk.
// It ignores a disk outside the data directory. The error is an fs.ErrNotExist if the base no longer exists.
func (r *Run) Hold(ctx context.Context, base image.Base) error {
	home := filepath.Dir(base.Disk)
	if r.store.relative(home) == home {
		return nil
	}
	lock, err := waitLockAs(ctx, home, filelock.Shared)
	if err != nil {
		return explain(r.store.dir, fmt.Errorf("hold base %s: %w", base.Name, err))
	}
	r.held = append(r.held, lock)
	return nil
}

// lockToRemove locks the directory of a disk that is to be removed. The error is a BusyError if the disk is in use.
func (s *Store) lockToRemove(what, home string) (*filelock.Lock, error) {
	lock, err := tryLock(home)
	if errors.Is(err, errHeld) {
		return nil, &BusyError{What: what, PIDs: holders(home)}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the row can be removed all the same
	}
	return lock, err
}

// unlock closes a lock; nil is the lock of a missing directory.
func unlock(lock *filelock.Lock) error {
	if lock == nil {
		return nil
	}
	return lock.Close()
}

func (r *Run) move(home string) error {
	if err := os.Rename(r.Dir, home); err != nil {
		return fmt.Errorf("move run: %w", err)
	}
	r.moved = true
	if err := syncPath(filepath.Dir(home)); err != nil {
		return errors.Join(err, r.moveBack(home))
	}
	return nil
}

func (r *Run) moveBack(home string) error {
	if err := os.Rename(home, r.Dir); err != nil {
		return fmt.Errorf("move run back: %w", err)
	}
	r.moved = false
	return nil
}

// flush writes the run's files to the drive, so that after a power cut no row can name half a disk. It does so side by side:
// a file system makes one transaction of what several wait for.
func (r *Run) flush() error {
	var syncs errgroup.Group
	syncs.SetLimit(mostSyncs)
	err := filepath.WalkDir(r.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("flush run: %w", err)
		}
		if entry.IsDir() || entry.Type().IsRegular() {
			syncs.Go(func() error { return syncPath(path) })
		}
		return nil
	})

	return errors.Join(err, syncs.Wait())
}

// mostSyncs bounds the threads that wait for the drive.
const mostSyncs = 8

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("flush file: %w", err)
	}
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("flush file: %w", err), f.Close())
	}
	return f.Close()
}

// rebase moves a path from one directory to another; paths outside stay.
func rebase(path, from, to string) string {
	if inside, found := strings.CutPrefix(path, from+"/"); found {
		return filepath.Join(to, inside)
	}
	return path
}
