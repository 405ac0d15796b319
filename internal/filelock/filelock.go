// Package filelock locks open files and directories against other processes, by flock(2). A lock belongs to the file
// itself, not to its name, so it survives a rename. The kernel releases it when the process ends, however it ends.
// The package never waits, and never creates or removes a file.
package filelock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrHeld says that another lock on the file is in the way.
var ErrHeld = errors.New("held by another process")

// Lock is a lock on an open file.
type Lock struct{ file *os.File }

// Exclusive locks a file that no one else holds. The error is ErrHeld if someone does.
func Exclusive(file *os.File) (*Lock, error) { return try(file, unix.LOCK_EX) }

// Shared locks a file against exclusive locks only. The error is ErrHeld if someone has one.
func Shared(file *os.File) (*Lock, error) { return try(file, unix.LOCK_SH) }

func try(file *os.File, how int) (*Lock, error) {
	for {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil:
			return &Lock{file: file}, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return nil, fmt.Errorf("lock %s: %w", file.Name(), ErrHeld)
		case !errors.Is(err, unix.EINTR):
			return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
		}
	}
}

// Release releases the lock and leaves the file open. To close the file alone would not do: until a process that is
// being started has become its own program, it has copies of all open files, and the lock lives as long as they do.
func (l *Lock) Release() error {
	if err := unix.Flock(int(l.file.Fd()), unix.LOCK_UN); err != nil {
		return fmt.Errorf("unlock %s: %w", l.file.Name(), err)
	}
	return nil
}

// Close releases the lock and closes the file.
func (l *Lock) Close() error { return errors.Join(l.Release(), l.file.Close()) }
