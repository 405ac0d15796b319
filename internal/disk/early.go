package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Early is a loop device that was attached to a clone before its data was copied. The kernel flushes a file that is
// attached, and waits for that: half a second for half a GiB. Attached while it is empty, the disk is written in the
// background, while the machine on it already runs.
type Early struct{ loop *loop }

// untaken are the devices that no Open has taken over yet: an *Early by the device's name.
var untaken sync.Map

// earlySize is what the device shows until the data is there, in bytes: nobody finds a filesystem in that.
const earlySize = 4096

// CloneEarly makes dst a copy of src as Clone does, and attaches its root for the Open that follows, which takes it
// over. The caller closes the Early in the end, whether the disk was opened or not.
func CloneEarly(ctx context.Context, dst, src string, moved func(done, total int64)) (*Early, error) {
	pieces := make(chan Extent, mostPieces)
	defer close(pieces)
	return cloneEarly(ctx, dst, src, moved, func(out *os.File) func(Extent) { return writeBehind(out, pieces) })
}

// CloneScratch is CloneEarly for a copy that is soon removed. It does not ask the drive to write the copy: that would slow
// down the machine that uses it, and then its removal.
func CloneScratch(ctx context.Context, dst, src string) (*Early, error) {
	return cloneEarly(ctx, dst, src, nil, func(*os.File) func(Extent) { return func(Extent) {} })
}

// cloneEarly calls copying as clone does.
func cloneEarly(ctx context.Context, dst, src string, moved func(done, total int64), copying func(out *os.File) func(Extent)) (*Early, error) {
	attached := &Early{}
	err := clone(ctx, dst, src, moved, func(out *os.File) func(Extent) {
		// without it Open attaches the disk, which takes longer, or says why it cannot
		attached.loop, _ = attach(out, Partition{Size: earlySize}, false)
		return copying(out)
	})
	if err == nil {
		err = attached.show(ctx, dst)
	}

	if err != nil {
		return nil, errors.Join(err, attached.Close())
	}
	return attached, nil
}

// mostPieces is how many pieces wait for the drive at most; the kernel writes what is more than that when it likes.
const mostPieces = 4096

// writeBehind lets the drive write pieces of a file as they are sent, without keeping the sender. It holds the file open
// until the drive has begun with the last one.
func writeBehind(f *os.File, pieces chan Extent) (send func(Extent)) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return func(e Extent) { startWriting(f, e) }
	}
	behind := os.NewFile(uintptr(fd), f.Name())
	go func() {
		defer behind.Close() // nothing is written through it
		for piece := range pieces {
			startWriting(behind, piece)
		}
	}()

	return func(e Extent) {
		select {
		case pieces <- e:
		default:
		}
	}
}

// Close lets go of the device; a mount keeps it. Calling it again does nothing, nor does closing nil.
func (e *Early) Close() error {
	if e == nil || e.loop == nil {
		return nil
	}
	untaken.CompareAndDelete(e.loop.device.Name(), e)
	err := e.loop.device.Close()
	e.loop = nil
	return err
}

// show lets the device show the root of the disk at path, which is complete now. A disk without a root is for Open to
// refuse; a device that cannot be changed is given up.
func (e *Early) show(ctx context.Context, path string) error {
	if e.loop == nil {
		return nil
	}
	p, err := Root(path)
	if err != nil || e.loop.move(ctx, p) != nil {
		return e.Close()
	}
	untaken.Store(e.loop.device.Name(), e)
	return nil
}

// moveTimeout bounds how long a move waits for another process that looks at the device.
const moveTimeout = time.Second

// move lets a device show partition p. The kernel forgets what was read of the device, and refuses with EAGAIN while it
// cannot, since another process looks at it.
func (l *loop) move(ctx context.Context, p Partition) error {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	fd := int(l.device.Fd())
	info, err := unix.IoctlLoopGetStatus64(fd)
	if err != nil {
		return fmt.Errorf("read %s: %w", l.device.Name(), err)
	}

	info.Offset = uint64(p.Offset)
	info.Sizelimit = uint64(p.Size)
	err = await(ctx, func() (bool, error) {
		err := unix.IoctlLoopSetStatus64(fd, info)
		if errors.Is(err, unix.EAGAIN) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("change %s: %w", l.device.Name(), err)
	}

	l.partAt = p.Offset
	return nil
}

// takeEarly opens the device that CloneEarly attached to partition p of f; nil if there is none. The descriptor pins the
// device, so it is looked at through that. The Early is closed: a mount that ends would wait for it.
func takeEarly(f *os.File, p Partition) *loop {
	l := &loop{partAt: p.Offset}
	attributes, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil || unix.Fstat(int(f.Fd()), &l.backing) != nil {
		return nil
	}

	for _, attribute := range attributes {
		text, err := os.ReadFile(attribute)
		if err != nil || filepath.Base(strings.TrimSpace(string(text))) != filepath.Base(f.Name()) {
			continue
		}
		device, err := os.OpenFile("/dev/"+filepath.Base(filepath.Dir(filepath.Dir(attribute))), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if l.shows(device, p) {
			if held, found := untaken.Load(device.Name()); found {
				_ = held.(*Early).Close() // nothing was written through it
			}
			l.device = device
			return l
		}
		_ = device.Close() // nothing was written through it
	}

	return nil
}

// shows reports whether a device is attached to partition p of the loop's file, for writing.
func (l *loop) shows(device *os.File, p Partition) bool {
	info, err := unix.IoctlLoopGetStatus64(int(device.Fd()))
	return err == nil && info.Inode == l.backing.Ino && info.Device == l.backing.Dev &&
		info.Offset == uint64(p.Offset) && info.Sizelimit == uint64(p.Size) &&
		info.Flags&unix.LO_FLAGS_AUTOCLEAR != 0 && info.Flags&unix.LO_FLAGS_READ_ONLY == 0
}
