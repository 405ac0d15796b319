package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"image-builder/internal/filelock"
)

// errHeld says that another process holds a directory, or that the directory went away under the lock.
var errHeld = filelock.ErrHeld

// lockTimeout bounds how long waitLock waits; a process that holds a lock others wait for needs milliseconds.
const lockTimeout = 20 * time.Second

// kind is filelock.Exclusive, or filelock.Shared for those who only keep a directory from going away.
type kind func(*os.File) (*filelock.Lock, error)

// tryLock locks a directory, or reports errHeld.
func tryLock(dir string) (*filelock.Lock, error) { return tryLockAs(dir, filelock.Exclusive) }

func tryLockAs(dir string, as kind) (*filelock.Lock, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("lock directory: %w", err)
	}
	lock, err := as(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}

	if err := sameDirectory(f, dir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// sameDirectory checks that the name still refers to the locked directory.
func sameDirectory(f *os.File, dir string) error {
	locked, err := f.Stat()
	if err != nil {
		return fmt.Errorf("lock directory: %w", err)
	}
	named, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("lock directory: %w", err)
	}
	if !os.SameFile(locked, named) {
		return fmt.Errorf("lock directory %s: %w", dir, errHeld)
	}

	return nil
}

// waitLock locks a directory, waiting for the process that holds it.
func waitLock(ctx context.Context, dir string) (*filelock.Lock, error) {
	return waitLockAs(ctx, dir, filelock.Exclusive)
}

func waitLockAs(ctx context.Context, dir string, as kind) (*filelock.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()

	for {
		lock, err := tryLockAs(dir, as)
		if !errors.Is(err, errHeld) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(2 * time.Millisecond):
		}
	}
}
