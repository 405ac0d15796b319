package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// closeTimeout bounds how long Close waits for the last user of a mount to go.
const closeTimeout = 20 * time.Second

// Mount is the root filesystem of a disk, mounted.
type Mount struct {
	path, dir string
	// top is the tree's root, open since before anything was written: a write that fails in the background is told
	// only to descriptors that are older.
	top        *os.File
	filesystem string
	loop       *loop
	closed     sync.Once
	err        error
}

// Open mounts the root of the disk at path on the directory dir, for reading and writing, in this process's mount
// namespace; the mount propagates to no other. The disk's changes reach the file at the latest when Close returns, and
// are not forced to the medium before: a working copy whose machine loses power is thrown away, not repaired.
func Open(ctx context.Context, path, dir string) (m *Mount, err error) {
	p, err := Root(path)
	if err != nil {
		return nil, err
	}
	f, _, err := open(path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	l := takeEarly(f, p)
	if l == nil {
		l, err = attach(f, p, false)
	}
	if err != nil {
		return nil, err
	}

	defer func() {
		if err != nil {
			err = errors.Join(err, l.release(ctx))
		}
	}()

	tree, err := mountTree(l.device.Name(), p.Filesystem, false)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", path, err)
	}
	defer closeTree(tree)

	if err := place(tree, dir); err != nil {
		return nil, fmt.Errorf("mount %s on %s: %w", path, dir, err)
	}
	m = &Mount{path: path, dir: dir, filesystem: p.Filesystem, loop: l}
	m.top, err = os.Open(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open mounted disk: %w", err), unmount(ctx, dir))
	}

	return m, nil
}

// place makes a mounted tree visible at dir, there only.
func place(tree int, dir string) error {
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	return unix.Mount("", dir, "", unix.MS_PRIVATE, "")
}

// Dir is where the tree is mounted.
func (m *Mount) Dir() string { return m.dir }

// fitrim is FITRIM, _IOWR('X', 121, struct fstrim_range).
const fitrim = 0xc0185879

// Trim makes holes of everything in the disk that the filesystem does not use, so that nothing deleted remains. It
// fails if anything written to the tree since Open did not reach the file: ErrFull, if there was no room for it.
func (m *Mount) Trim(_ context.Context) error {
	// what was freed since the last commit is not yet free to the filesystem
	err := m.sync()
	if err == nil {
		err = m.collect()
	}

	if err == nil {
		span := struct{ start, length, minimum uint64 }{length: ^uint64(0)}
		err = ioctl(m.top, fitrim, unsafe.Pointer(&span))
	}

	if err != nil {
		return fmt.Errorf("trim %s: %w", m.path, err)
	}
	return nil
}

// sync writes everything to the file, and fails if any write since Open did.
func (m *Mount) sync() error {
	err := unix.Syncfs(int(m.top.Fd()))
	if err == nil {
		return nil
	}
	// a loop device reports a full filesystem below it as a broken drive
	var stat unix.Statfs_t
	if unix.Statfs(m.path, &stat) == nil && int64(stat.Bavail)*stat.Bsize < chunk {
		return fmt.Errorf("%w (%w)", ErrFull, err)
	}
	return full(err)
}

// xfsFreeEOFBlocks is XFS_IOC_FREE_EOFBLOCKS, _IOR('X', 58, struct xfs_fs_eofblocks).
const xfsFreeEOFBlocks = 0x8080583a

// collect waits until xfs has freed the blocks of deleted files, which it does in the background.
func (m *Mount) collect() error {
	if m.filesystem != XFS {
		return nil
	}
	scan := struct {
		version, flags uint32
		_              [120]byte
	}{version: 1, flags: 1} // wait for files in use
	if err := ioctl(m.top, xfsFreeEOFBlocks, unsafe.Pointer(&scan)); err != nil {
		return fmt.Errorf("free deleted files: %w", err)
	}

	return m.sync()
}

// Close writes what is in memory, unmounts the tree and detaches the disk; it waits, at most 20 s, for the last user of
// either to go (a killed process that still dies). After a nil error this mount no longer keeps the disk open, and all that was
// written is in the file. Calling it again returns what the first call did.
func (m *Mount) Close(ctx context.Context) error {
	m.closed.Do(func() {
		err := m.sync() // gigabytes take longer than the limit on a slow disk
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		m.err = errors.Join(err, m.top.Close(), unmount(ctx, m.dir), m.loop.release(ctx))
	})
	return m.err
}

// unmount unmounts dir and what is mounted in it. A tree still in use when ctx ends is taken out of sight, so that
// it goes when its last user does, and an error says so.
func unmount(ctx context.Context, dir string) error {
	err := await(ctx, func() (bool, error) {
		err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EBUSY) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("unmount %s: a process still uses it: %w", dir, err),
			unix.Unmount(dir, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH))
	}

	return nil
}

// inspect calls look with the tree of partition p of f, mounted read-only and nowhere visible: a detached mount
// belongs to its file descriptor and goes with it, even when the process is killed.
func inspect(f *os.File, p Partition, look func(*os.Root) error) (err error) {
	l, err := attach(f, p, true)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		err = errors.Join(err, l.release(ctx))
	}()

	tree, err := mountTree(l.device.Name(), p.Filesystem, true)
	if err != nil {
		return &Unusable{Path: f.Name(), Reason: fmt.Sprintf("partition %d cannot be mounted: %v", p.Number, err)}
	}
	defer closeTree(tree)

	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d/", tree))
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Name(), err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()

	return look(root)
}

// mountTree mounts a device nowhere and returns a descriptor of the tree.
func mountTree(device, filesystem string, readOnly bool) (int, error) {
	fs, err := unix.Fsopen(filesystem, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("open filesystem %s: %w: does this kernel have it, and is this root?", filesystem, err)
	}
	defer closeTree(fs)

	if err := configure(fs, device, filesystem, readOnly); err != nil {
		return -1, fmt.Errorf("%w%s", err, kernelLog(fs))
	}
	attributes := unix.MOUNT_ATTR_NOATIME

	if readOnly {
		attributes |= unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC
	}

	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attributes)
}

// closeTree lets go of a descriptor that was only a path: there is nothing that could be lost.
func closeTree(tree int) { _ = unix.Close(tree) }

// configure sets a filesystem's options and creates its superblock.
func configure(fs int, device, filesystem string, readOnly bool) error {
	var flags []string
	switch {
	case filesystem == XFS && readOnly:
		flags = []string{"ro", "nouuid", "norecovery"} // clones share one UUID
	case filesystem == XFS:
		flags = []string{"nouuid"}
	case readOnly:
		flags = []string{"ro", "noload"}
	default:
		// no flush to the medium at each journal commit, no inode tables zeroed in the background
		flags = []string{"nobarrier", "noinit_itable"}
	}

	err := unix.FsconfigSetString(fs, "source", device)
	if filesystem == Ext4 {
		// the superblock may ask for errors=panic
		err = errors.Join(err, unix.FsconfigSetString(fs, "errors", "remount-ro"))
	}

	for _, flag := range flags {
		err = errors.Join(err, unix.FsconfigSetFlag(fs, flag))
	}

	if err != nil {
		return err
	}
	return unix.FsconfigCreate(fs)
}

// kernelLog returns what the kernel says about a mount that did not come about: ": text" or nothing.
func kernelLog(fs int) string {
	var lines []string
	buffer := make([]byte, 1024)
	for range 8 {
		n, err := unix.Read(fs, buffer)
		if err != nil || n < 2 {
			break
		}
		lines = append(lines, strings.TrimSpace(string(buffer[2:n])))
	}

	if len(lines) == 0 {
		return ""
	}
	return ": " + strings.Join(lines, "; ")
}

// ioctl calls a request that the unix package has no name for.
func ioctl(f *os.File, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
