package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"unsafe"

	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/diskfs/go-diskfs/partition/mbr"
	"golang.org/x/sys/unix"
)

// alignment is what partitions start and end at, in bytes.
const alignment = 1 << 20

// Grow makes the disk at path size bytes long (rounded up to a MiB): the file, its partition table (a GPT's backup
// header moves to the new end), the root partition, which must be the last on the disk, and the root filesystem. An
// Unusable says why not; a disk is never made smaller.
func Grow(ctx context.Context, path string, size int64) error {
	size = (size + alignment - 1) / alignment * alignment
	p, err := Root(path)
	if err != nil {
		return err
	}
	f, now, err := open(path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()

	if size < now {
		return &Unusable{Path: path, Reason: fmt.Sprintf("it has %d bytes, a disk of %d was asked for: a disk can only grow", now, size)}
	}
	if size == now {
		return nil
	}
	if err := lastPartition(f, now, p); err != nil {
		return err
	}

	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("grow disk %s: %w", path, full(err))
	}
	if err := growTable(f, size, &p); err != nil {
		return fmt.Errorf("grow partition %d of %s: %w", p.Number, path, err)
	}
	if err := growFilesystem(ctx, f, p); err != nil {
		return fmt.Errorf("grow filesystem of %s: %w", path, err)
	}

	return nil
}

// lastPartition refuses to grow a root that another partition follows.
func lastPartition(f *os.File, size int64, root Partition) error {
	list, err := partitions(f, size)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Offset > root.Offset {
			return &Unusable{Path: f.Name(), Reason: fmt.Sprintf("its root partition %d cannot grow: partition %d lies behind it; use a base whose root is the last partition", root.Number, p.Number)}
		}
	}
	return nil
}

// growTable enlarges root in its partition table to the end of a disk of size bytes, and updates root.
func growTable(f *os.File, size int64, root *Partition) error {
	if root.Number == 0 {
		root.Size = size
		return nil
	}
	sector, err := gptSector(f, size)
	if err != nil {
		return err
	}
	if sector != 0 {
		return growGPT(f, size, sector, root)
	}

	return growMBR(f, size, root)
}

func growGPT(f *os.File, size int64, sector int, root *Partition) error {
	table, err := gpt.Read(f, sector, sector)
	if err != nil {
		return err
	}
	table.Resize(uint64(size))

	perMiB := uint64(alignment / sector)
	for _, p := range table.Partitions {
		if p.Index != root.Number {
			continue
		}
		p.End = (table.LastDataSector()+1)/perMiB*perMiB - 1
		p.Size = (p.End - p.Start + 1) * uint64(sector)
		root.Size = int64(p.Size)
	}

	return table.Write(f, size)
}

func growMBR(f *os.File, size int64, root *Partition) error {
	table, err := mbr.Read(f, 512, 512)
	if err != nil {
		return err
	}
	sectors := (size - root.Offset) / 512
	if sectors > int64(^uint32(0)) {
		return &Unusable{Path: f.Name(), Reason: "an MBR partition ends at 2 TiB: use a base with a GPT"}
	}

	table.Partitions[root.Number-1].Size = uint32(sectors)
	root.Size = sectors * 512
	return table.Write(f, size)
}

// growFilesystem makes the filesystem fill partition p.
func growFilesystem(ctx context.Context, f *os.File, p Partition) (err error) {
	l, err := attach(f, p, false)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, l.release(ctx))
	}()

	if p.Filesystem == XFS {
		return growXFS(l.device.Name(), p)
	}
	// offline: to grow a mounted ext4 needs CAP_SYS_RESOURCE, which root lacks in many containers; through the device,
	// because resize2fs cuts off what lies behind the filesystem in a file
	exe, err := lookProgram("resize2fs", "e2fsprogs")
	if err != nil {
		return err
	}

	cmd := exec.CommandContext(ctx, exe, "-f", l.device.Name())
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	defer tie(cmd)()

	if report, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run resize2fs: %w: %s", errors.Join(err, context.Cause(ctx)), lastLines(string(report), 6))
	}

	return nil
}

// growXFS has the kernel grow an xfs, which it does while it is mounted, on an invisible mount.
func growXFS(device string, p Partition) error {
	tree, err := mountTree(device, XFS, false)
	if err != nil {
		return err
	}
	defer closeTree(tree)

	fd, err := unix.Openat(tree, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open root directory: %w", err)
	}
	dir := os.NewFile(uintptr(fd), device)
	defer dir.Close()

	var stat unix.Statfs_t
	if err := unix.Fstatfs(fd, &stat); err != nil {
		return fmt.Errorf("read block size: %w", err)
	}
	// XFS_IOC_FSGROWFSDATA, _IOW('X', 110, struct xfs_growfs_data)
	growth := struct {
		blocks  uint64
		percent uint32 // of space that inodes may take: mkfs.xfs's default for filesystems under 1 TiB
		_       uint32
	}{blocks: uint64(p.Size) / uint64(stat.Bsize), percent: 25}

	return ioctl(dir, 0x4010586e, unsafe.Pointer(&growth))
}
