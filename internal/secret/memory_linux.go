package secret

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// memorySource identifies our mounts in listings.
const memorySource = "image-builder-secrets"

// Memory is a small file system that exists in memory only.
type Memory struct {
	dir    string
	root   *os.Root
	pinned [][]byte // the files, locked in RAM where the kernel would swap them out
	swaps  bool
}

// MountMemory mounts a tmpfs of at most size bytes at dir, which it creates: mode 0700, owned by the caller (root),
// no devices, no set-user-ID. Programs may be run from it, as from the instance's /tmp/secrets.
//
// Its pages never reach swap: through the mount option noswap (Linux 6.4), else by locking the pages of every file that
// is written (mlock(2)); a file that another program puts there has only the first protection.
//
// Mount it in a mount namespace of the process's own: that takes the mount with it however the process ends.
func MountMemory(dir string, size int64) (*Memory, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make secrets directory: %w", err)
	}
	m := &Memory{dir: dir}
	if err := m.mount(size); err != nil {
		return nil, errors.Join(fmt.Errorf("mount secrets at %s: %w", dir, err), os.Remove(dir))
	}

	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open secrets directory: %w", err), m.Close())
	}
	m.root = root

	return m, nil
}

func (m *Memory) mount(size int64) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV
	options := fmt.Sprintf("mode=0700,size=%d", size)
	err := unix.Mount(memorySource, m.dir, "tmpfs", flags, options+",noswap")
	if errors.Is(err, unix.EINVAL) {
		m.swaps = true
		err = unix.Mount(memorySource, m.dir, "tmpfs", flags, options)
	}
	return err
}

// Dir is where it is mounted.
func (m *Memory) Dir() string { return m.dir }

// Write creates a file of mode 0600. The name may have slashes; it stays inside, and nothing is overwritten.
func (m *Memory) Write(name string, value []byte) (err error) {
	if err := m.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return fmt.Errorf("write secret %s: %w", name, err)
	}
	file, err := m.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write secret %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()

	if _, err := file.Write(value); err != nil {
		return fmt.Errorf("write secret %s: %w", name, err)
	}
	if m.swaps && len(value) > 0 {
		return m.pin(file, len(value))
	}

	return nil
}

// pin keeps the pages of a file in RAM until Close.
func (m *Memory) pin(file *os.File, length int) error {
	pages, err := unix.Mmap(int(file.Fd()), 0, length, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map secret %s: %w", file.Name(), err)
	}
	m.pinned = append(m.pinned, pages)
	if err := unix.Mlock(pages); err != nil {
		return fmt.Errorf("lock secret %s in memory: %w", file.Name(), err)
	}
	return nil
}

// Close empties the file system, unmounts it and removes its directory. A process that still holds a file in it open
// keeps that one file alive and nothing else. Close may be called more than once.
func (m *Memory) Close() error {
	var errs []error
	if m.root != nil {
		errs = append(errs, clearTree(m.root), m.root.Close())
	}

	for _, pages := range m.pinned {
		errs = append(errs, unix.Munmap(pages))
	}

	m.root = nil
	m.pinned = nil
	errs = append(errs, unmount(m.dir))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove secrets: %w", err)
	}

	return nil
}

// clearTree removes everything below root.
func clearTree(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	errs := []error{err, dir.Close()}
	for _, name := range names {
		errs = append(errs, root.RemoveAll(name))
	}
	return errors.Join(errs...)
}

// unmount removes the mount at dir at once, even if it is in use, and removes the directory.
func unmount(dir string) error {
	err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(dir, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}

	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // neither mounted nor there: already done
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}

	return nil
}
