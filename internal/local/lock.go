package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errHeld says that another process holds a directory, or that the directory went away under the lock.
var errHeld = errors.New("held by another process")

// lockTimeout bounds how long waitLock waits; a process that holds a lock others wait for needs milliseconds.
const lockTimeout = 20 * time.Second

// tryLock locks a directory, or reports errHeld. The lock belongs to the directory itself, not to its name, so it
// survives a rename; the kernel frees it when the process ends, however it ends. Closing the file unlocks.
func tryLock(dir string) (*os.File, error) { return tryLockAs(dir, unix.LOCK_EX) }

// tryLockAs locks a directory exclusively (LOCK_EX), or shared with others who only keep it from going away (LOCK_SH).
func tryLockAs(dir string, how int) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("lock directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errHeld
		}
		return nil, errors.Join(fmt.Errorf("lock directory %s: %w", dir, err), f.Close())
	}

	if err := sameDirectory(f, dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
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
func waitLock(ctx context.Context, dir string) (*os.File, error) {
	return waitLockAs(ctx, dir, unix.LOCK_EX)
}

func waitLockAs(ctx context.Context, dir string, how int) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()

	for {
		f, err := tryLockAs(dir, how)
		if !errors.Is(err, errHeld) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(2 * time.Millisecond):
		}
	}
}
