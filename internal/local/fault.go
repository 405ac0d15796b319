package local

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"image-builder/internal/fault"
)

// MissingError says that the store has nothing of that name.
type MissingError struct {
	Kind string // image, base, parameter
	Name string
	Why  string // empty: there is none
}

func (e *MissingError) Error() string {
	if e.Why != "" {
		return fmt.Sprintf("find %s %s: %s", e.Kind, e.Name, e.Why)
	}
	return fmt.Sprintf("find %s %s: not found", e.Kind, e.Name)
}

// Is makes it an fs.ErrNotExist.
func (e *MissingError) Is(target error) bool { return target == fs.ErrNotExist }

// Class is that of things that cannot be used.
func (e *MissingError) Class() fault.Class { return fault.NotUsable }

// Hint is empty: the caller knows what would be there.
func (e *MissingError) Hint() string { return "" }

// InUseError says that parameters name the image, so it is not removed.
type InUseError struct {
	Image      string
	Parameters []string
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("remove image %s: it is the current value of parameter %s", e.Image, strings.Join(e.Parameters, ", "))
}

// Class is that of things that cannot be used.
func (e *InUseError) Class() fault.Class { return fault.NotUsable }

// Hint says what to do next.
func (e *InUseError) Hint() string {
	return "bake a newer image into that parameter first, or remove it all the same with --force"
}

// BusyError says that a bake uses the disk, so it is not removed.
type BusyError struct {
	What string // base debian:bookworm, image img-…
	PIDs []int  // of the processes that use it, as far as the kernel says
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("remove %s: a bake uses its disk%s", e.What, processes(e.PIDs))
}

// Class is that of things that cannot be used.
func (e *BusyError) Class() fault.Class { return fault.NotUsable }

// Hint says what to do next.
func (e *BusyError) Hint() string {
	return "wait until that bake has ended, or end it, and remove it then"
}

func processes(pids []int) string {
	if len(pids) == 0 {
		return ""
	}
	return " (process " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(pids)), ", "), "[]") + ")"
}

// placeError is any error of making the data directory; whatever the cause, another location helps.
type placeError struct{ error }

func (e *placeError) Unwrap() error { return e.error }

// explain adds the next action to an error that comes from the machine rather than from the caller.
func explain(dir string, err error) error {
	if err == nil || fault.HintOf(err) != "" {
		return err
	}
	hint := hintFor(dir, err)
	if hint == "" {
		return err
	}
	return fault.New(fault.BadMachine, err, hint)
}

func hintFor(dir string, err error) string {
	code := sqliteCode(err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), code == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_IOERR && isFull(dir):
		return "free space under " + dir + " (image-builder image remove ID), or use another disk with --data-dir"
	case code == sqlite3.SQLITE_BUSY:
		return "another process uses " + dir + "/" + storeFile + processes(holders(dir+"/"+storeFile)) + ": wait until it has ended, or end it"
	case errors.Is(err, syscall.EROFS), code != 0 && errors.Is(unix.Access(dir, unix.W_OK), unix.EROFS):
		return dir + " must be on a writable filesystem: name another directory with --data-dir"

	case errors.Is(err, fs.ErrPermission), code == sqlite3.SQLITE_READONLY, code == sqlite3.SQLITE_CANTOPEN, code == sqlite3.SQLITE_PERM:
		return dir + " must be writable by this user: run as its owner (sudo), or name another directory with --data-dir"

	case errors.Is(err, syscall.ENOTDIR):
		return dir + " must be a directory: name another one with --data-dir"
	case errors.Is(err, syscall.EXDEV):
		return dir + " must be one filesystem: its directories cannot be mounted apart"
	case code == sqlite3.SQLITE_NOTADB, code == sqlite3.SQLITE_CORRUPT:
		return dir + "/" + storeFile + " is not a store or is damaged: restore it, or name another directory with --data-dir"

	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EBADF), errors.Is(err, unix.ENOSYS):
		return dir + " must be on a filesystem with file locks, a local one: name another directory with --data-dir"
	}

	if place := (*placeError)(nil); errors.As(err, &place) {
		return dir + " must be a directory that this user can make: name another one with --data-dir"
	}
	return ""
}

// isFull reports whether a directory's file system has less room than a small transaction needs. SQLite does not
// always say why it could not write.
func isFull(dir string) bool {
	var stat unix.Statfs_t
	return unix.Statfs(dir, &stat) == nil && stat.Bavail < 64
}

// sqliteCode returns the primary result code, 0 for other errors. https://www.sqlite.org/rescode.html
func sqliteCode(err error) int {
	if failure := (*sqlite.Error)(nil); errors.As(err, &failure) {
		return failure.Code() & 0xff
	}
	return 0
}
