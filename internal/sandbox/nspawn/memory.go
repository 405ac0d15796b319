package nspawn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// memory is a machine's state in memory: its /run and /tmp, the command to run and the resolver's file. It outlives a
// command, as on a real machine. It is a tmpfs that only root can enter and that, where the kernel can (6.4), is
// never swapped out.
type memory struct {
	dir   string
	owner int // user and group of what the container sees
}

const memoryFlags = unix.MS_NOSUID | unix.MS_NODEV

func mountMemory(dir string) (*memory, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make memory: %w", err)
	}
	err := unix.Mount("tmpfs", dir, "tmpfs", memoryFlags, "mode=0700,size=50%,noswap")
	if errors.Is(err, unix.EINVAL) {
		err = unix.Mount("tmpfs", dir, "tmpfs", memoryFlags, "mode=0700,size=50%")
	}

	if err != nil {
		return nil, errors.Join(fmt.Errorf("mount memory on %s: %w", dir, err), os.Remove(dir))
	}
	return &memory{dir: dir}, nil
}

// fill makes the directories that become /run and /tmp, and copies the resolver's current file.
func (m *memory) fill() error {
	for dir, mode := range map[string]os.FileMode{m.run(): 0o755, m.host(): 0o755, m.tmp(): 0o777 | os.ModeSticky} {
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode), m.give(dir)); err != nil {
			return fmt.Errorf("make memory: %w", err)
		}
	}

	resolver, err := os.ReadFile("/etc/resolv.conf")
	if errors.Is(err, os.ErrNotExist) {
		return nil // the command gets the image's file, since this machine has none
	}
	if err != nil {
		return fmt.Errorf("read resolver: %w", err)
	}

	return errors.Join(os.WriteFile(m.resolver(), resolver, 0o644), m.give(m.resolver()))
}

// give makes the container's root a file's owner.
func (m *memory) give(path string) error { return os.Lchown(path, m.owner, m.owner) }

// clear makes a new mount, so that nothing of the old one can stay.
func (m *memory) clear() error {
	if err := m.close(); err != nil {
		return err
	}
	if _, err := mountMemory(m.dir); err != nil {
		return err
	}
	return m.fill()
}

// close drops it all. Calling it again does nothing.
func (m *memory) close() error {
	// by now every process of the machine is gone, so nothing keeps the mount busy
	err := unix.Unmount(m.dir, unix.UMOUNT_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", m.dir, err)
	}
	if err := os.Remove(m.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// resolves reports whether this machine has a resolver's file to share.
func (m *memory) resolves() bool {
	_, err := os.Lstat(m.resolver())
	return err == nil
}

func (m *memory) run() string      { return filepath.Join(m.dir, "run") }
func (m *memory) tmp() string      { return filepath.Join(m.dir, "tmp") }
func (m *memory) host() string     { return filepath.Join(m.dir, "host") }
func (m *memory) resolver() string { return filepath.Join(m.dir, "resolv.conf") }

// command is the file that the machine's shell reads, at commandPath in the machine.
func (m *memory) command() string { return filepath.Join(m.run(), filepath.Base(commandPath)) }
