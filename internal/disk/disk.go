// Package disk is a raw disk file as a bake needs it: cloned, grown, its root partition found, mounted, trimmed,
// checked and let go of again.
//
// A disk is addressed by byte offset, so it works on a kernel without a partition parser: the root is attached to a
// loop device by offset and size, never through a partition node. The package reads partition tables, superblocks and
// /etc/os-release and nothing else of a disk's contents; it never runs a program from a disk and never writes to one
// but through Clone, Grow, Trim and the mount that its caller asked for.
//
// A disk may be hostile. Tables are bounds-checked before use, paths in a mounted tree are resolved inside that tree,
// and a filesystem's wish to panic the kernel on errors (a superblock field) is overridden. What remains: mounting
// hands the superblock and all metadata to the kernel's filesystem driver, whose maintainers do not promise safety
// against crafted filesystems. Bake a stranger's base in a virtual machine.
package disk

import (
	"errors"
	"fmt"
	"os"

	"image-builder/internal/fault"
)

// Unusable says why a file cannot serve as a disk, and what would.
type Unusable struct {
	Path   string
	Reason string
}

func (u *Unusable) Error() string { return fmt.Sprintf("use disk %s: %s", u.Path, u.Reason) }

// Class is that of things that cannot be used.
func (u *Unusable) Class() fault.Class { return fault.NotUsable }

// Hint is empty: the reason, or the stage that wraps it, says what to do.
func (u *Unusable) Hint() string { return "" }

// Damaged says that a filesystem is inconsistent.
type Damaged struct {
	Path       string
	Filesystem string
	// Report is what the checker said, its last lines.
	Report string
}

func (d *Damaged) Error() string {
	return fmt.Sprintf("check disk %s: its %s filesystem is damaged:\n%s", d.Path, d.Filesystem, d.Report)
}

// Class is that of things that cannot be used.
func (d *Damaged) Class() fault.Class { return fault.NotUsable }

// Hint is empty: only the checker's report helps.
func (d *Damaged) Hint() string { return "" }

// Missing says that a program is not installed.
type Missing struct {
	Program string
	Package string // Debian's
}

func (m *Missing) Error() string {
	return fmt.Sprintf("find %s: it is not installed: apt-get install %s", m.Program, m.Package)
}

// Class is that of machines that lack something.
func (m *Missing) Class() fault.Class { return fault.BadMachine }

// Hint says how to install it.
func (m *Missing) Hint() string { return "apt-get install " + m.Package }

// ErrFull says that the filesystem that holds a disk has no room for it.
var ErrFull = fault.New(fault.BadMachine, errors.New("no space left"), "free some, or choose another data directory with --data-dir")

// open opens a disk, which must be a regular file: a device or a pipe has neither holes nor a size of its own.
func open(path string, flags int) (*os.File, int64, error) {
	file, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("open disk: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open disk: %w", err), file.Close())
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.Join(&Unusable{Path: path, Reason: "it is not a regular file: copy the device or pipe into a file"}, file.Close())
	}

	return file, info.Size(), nil
}
