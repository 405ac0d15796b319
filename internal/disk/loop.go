package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// attachTries bounds how often a free loop device is asked for: between being named free and being taken, another
// process may take it.
const attachTries = 100

// loop is a loop device over a partition. It detaches by itself when it is no longer open or mounted, so a
// killed process leaves none behind.
type loop struct {
	device *os.File
	// what it shows, to tell it from a later use of the same device
	backing  unix.Stat_t
	partAt   int64
	readOnly bool
}

// attach shows partition p of f as a block device. It goes through the page cache: direct I/O wrote no faster when it
// was measured, and the checks that follow a bake read what was written from memory.
func attach(f *os.File, p Partition, readOnly bool) (*loop, error) {
	l := &loop{partAt: p.Offset, readOnly: readOnly}
	if err := unix.Fstat(int(f.Fd()), &l.backing); err != nil {
		return nil, fmt.Errorf("attach %s: %w", f.Name(), err)
	}
	config := unix.LoopConfig{Fd: uint32(f.Fd())}
	config.Info.Offset = uint64(p.Offset)
	config.Info.Sizelimit = uint64(p.Size)
	config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	copy(config.Info.File_name[:len(config.Info.File_name)-1], f.Name())

	if readOnly {
		config.Info.Flags |= unix.LO_FLAGS_READ_ONLY
	}

	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w: load the loop module (modprobe loop) and run as root", f.Name(), err)
	}
	defer control.Close()

	for range attachTries {
		l.device, err = take(control, &config)
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}

	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", f.Name(), err)
	}
	return l, nil
}

// take configures the loop device that the kernel names as free; EBUSY if another process was faster.
func take(control *os.File, config *unix.LoopConfig) (*os.File, error) {
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, fmt.Errorf("find a free loop device: %w", err)
	}
	path := fmt.Sprintf("/dev/loop%d", number)
	device, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		// a container's /dev holds the nodes that it was made with
		node := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(7, uint32(number))))
		if node != nil && !errors.Is(node, unix.EEXIST) {
			return nil, fmt.Errorf("make %s: %w", path, node)
		}
		device, err = os.OpenFile(path, os.O_RDWR, 0)
	}

	if err != nil {
		return nil, err
	}
	if err := unix.IoctlLoopConfigure(int(device.Fd()), config); err != nil {
		return nil, errors.Join(err, device.Close())
	}

	return device, nil
}

// release waits until the device is no longer used, then closes it and waits until it is detached.
func (l *loop) release(ctx context.Context) error {
	path := l.device.Name()
	err := await(ctx, func() (bool, error) {
		exclusive, err := os.OpenFile(path, os.O_RDONLY|unix.O_EXCL, 0)
		if errors.Is(err, unix.EBUSY) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return true, exclusive.Close()
	})

	err = errors.Join(err, l.device.Close())
	if err != nil {
		return fmt.Errorf("release %s: it is still in use: %w", path, err)
	}
	if err := await(ctx, l.detached); err != nil {
		return fmt.Errorf("detach %s: %w", path, err)
	}

	return nil
}

// detached reports whether the device no longer shows what it was attached to.
func (l *loop) detached() (bool, error) {
	device, err := os.Open(l.device.Name())
	if err != nil {
		return errors.Is(err, os.ErrNotExist), nil
	}
	defer device.Close()

	info, err := unix.IoctlLoopGetStatus64(int(device.Fd()))
	if errors.Is(err, unix.ENXIO) {
		return true, nil
	}
	if err != nil {
		return false, err
	}

	// several looks at one base show the same bytes: of a read-only one nothing can be lost, so it is not waited for
	same := info.Inode == l.backing.Ino && info.Device == l.backing.Dev && info.Offset == uint64(l.partAt)
	return !same || l.readOnly, nil
}

// await asks done again and again, ever more seldom, until it says yes or ctx ends.
func await(ctx context.Context, done func() (bool, error)) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}
