package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// chunk is how much is copied between two reports of progress and looks at the context, in bytes.
const chunk = 4 << 20

// Clone makes dst, which must not exist, a copy of the disk src. Where the filesystem shares extents (xfs, btrfs) it
// takes milliseconds; elsewhere only data is copied and holes stay holes. moved, which may be nil, hears the bytes
// copied and to copy. On an error nothing is left at dst.
func Clone(ctx context.Context, dst, src string, moved func(done, total int64)) error {
	return clone(ctx, dst, src, moved, func(out *os.File) func(Extent) {
		return func(e Extent) { startWriting(out, e) }
	})
}

// startWriting lets the drive begin with an extent. It waits while the drive's queue is full, and for nothing else.
func startWriting(f *os.File, e Extent) {
	_ = unix.SyncFileRange(int(f.Fd()), e.Offset, e.Length, unix.SYNC_FILE_RANGE_WRITE) // whoever needs the data flushes it
}

// clone calls copying with the empty file of the full size, if data is to be copied; what that returns hears of each
// extent that was.
func clone(ctx context.Context, dst, src string, moved func(done, total int64), copying func(out *os.File) func(Extent)) (err error) {
	in, size, err := open(src, os.O_RDONLY)
	if err != nil {
		return fmt.Errorf("clone disk: %w", err)
	}
	defer in.Close()

	out, err := os.OpenFile(dst, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("clone disk: %w", full(err))
	}
	defer func() {
		err = errors.Join(err, out.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(dst))
		}
	}()

	if err := unix.IoctlFileClone(int(out.Fd()), int(in.Fd())); err == nil {
		return nil
	}
	if err := out.Truncate(size); err != nil {
		return fmt.Errorf("clone disk: %w", full(err))
	}
	return copyData(ctx, out, in, copying(out), moved)
}

// copyData copies the data of in.
func copyData(ctx context.Context, out, in *os.File, copied func(Extent), moved func(done, total int64)) error {
	total, err := dataOf(in)
	if err != nil {
		return fmt.Errorf("clone disk: %w", err)
	}

	done := int64(0)
	for extent, err := range Extents(in) {
		if err != nil {
			return fmt.Errorf("clone disk: %w", err)
		}
		err := copyExtent(ctx, out, in, extent, func(piece Extent) {
			copied(piece)
			done += piece.Length
			if moved != nil {
				moved(done, total)
			}
		})
		if err != nil {
			return fmt.Errorf("clone disk: %w", full(err))
		}
	}

	return nil
}

func copyExtent(ctx context.Context, out, in *os.File, extent Extent, copied func(Extent)) error {
	at := extent.Offset
	end := extent.Offset + extent.Length
	for at < end {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n, err := copyRange(out, in, at, min(chunk, end-at))
		if err != nil {
			return err
		}
		copied(Extent{Offset: at, Length: n})
		at += n
	}

	return nil
}

// copyRange copies up to length bytes at offset at, inside the kernel where it can.
func copyRange(out, in *os.File, at, length int64) (int64, error) {
	from := at
	to := at
	n, err := unix.CopyFileRange(int(in.Fd()), &from, int(out.Fd()), &to, int(length), 0)
	switch {
	case errors.Is(err, unix.EXDEV), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return io.Copy(io.NewOffsetWriter(out, at), io.NewSectionReader(in, at, length))
	case err != nil:
		return 0, err
	case n == 0:
		return 0, fmt.Errorf("read %s: it became shorter while it was copied", in.Name())
	}

	return int64(n), nil
}

// full puts a clear sentence before an error that means a full filesystem.
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		return fmt.Errorf("%w (%w)", ErrFull, err)
	}
	return err
}
