package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// GETFSMAP as in linux/fsmap.h, and the owners of fs/xfs/libxfs/xfs_fs.h and fs/ext4/fsmap.h.
const (
	getfsmap        = 0xc0c0583b // _IOWR('X', 59, struct fsmap_head)
	fsmapHeader     = 192
	fsmapRecord     = 64
	fsmapBatch      = 256
	fsmapMost       = 1 << 22 // records, so that a crafted filesystem cannot keep us for ever
	fsmapLast       = 0x20
	fsmapSpecial    = 0x10
	ownerFree       = 1
	ownerUnknown    = 2
	ownerXFSLog     = 'X'<<32 | 2
	ownerInodes     = 'X'<<32 | 5
	ownerInodesTree = 'X'<<32 | 4
)

// addStructures asks the filesystem for its structures and its free space. A filesystem that has no such map leaves
// them unnamed.
func (u *Uses) addStructures(tree *os.Root, partition int64) error {
	dir, err := tree.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()

	var buffer [fsmapHeader + fsmapBatch*fsmapRecord]byte
	ne := binary.NativeEndian

	low := make([]byte, fsmapRecord)
	for range fsmapMost / fsmapBatch {
		clear(buffer[:])
		ne.PutUint32(buffer[8:], fsmapBatch)
		copy(buffer[64:128], low)

		high := buffer[128:192]
		for i := range 32 {
			high[i] = 0xff
		}

		err := ioctl(dir, getfsmap, unsafe.Pointer(&buffer[0]))
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTTY) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("map the filesystem: %w", err)
		}

		count := int(ne.Uint32(buffer[12:]))
		if count == 0 {
			return nil
		}

		for i := range count {
			record := buffer[fsmapHeader+i*fsmapRecord:][:fsmapRecord]
			u.addStructure(record, partition)
			copy(low, record)
		}

		if ne.Uint32(low[4:])&fsmapLast != 0 {
			return nil
		}
	}

	return nil
}

func (u *Uses) addStructure(record []byte, partition int64) {
	ne := binary.NativeEndian
	if ne.Uint32(record[4:])&fsmapSpecial == 0 {
		return // of a file, which names itself
	}

	run := Run{Offset: partition + int64(ne.Uint64(record[8:])), Length: int64(ne.Uint64(record[32:])), Use: Structures}

	switch ne.Uint64(record[16:]) {
	case ownerUnknown:
		return
	case ownerFree:
		run.Use = FreeSpace
	case ownerXFSLog:
		run.Use = Journal
	case ownerInodes, ownerInodesTree:
		run.Use = Inodes
	}

	u.others = append(u.others, run)
}

// journalOf returns the runs of the journal, from the superblock: the kernel's map does not name one inside the
// filesystem. What it cannot read it leaves out.
func journalOf(f *os.File, p Partition) ([]Run, error) {
	super := make([]byte, 2048)
	if _, err := f.ReadAt(super, p.Offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read superblock: %w", err)
	}

	switch p.Filesystem {
	case Ext4:
		return ext4Journal(super[1024:], p.Offset), nil
	case XFS:
		return xfsLog(super, p.Offset), nil
	}

	return nil, nil
}

// ext4Journal reads the copy of the journal's extents in the superblock.
// https://docs.kernel.org/filesystems/ext4/super.html
func ext4Journal(super []byte, partition int64) []Run {
	le := binary.LittleEndian
	const (
		backup  = 0x10c
		extents = 0xf30a
	)

	block := int64(1024) << min(le.Uint32(super[0x18:]), 6)
	header := super[backup:]
	if super[0xfd] != 1 || le.Uint16(header) != extents || le.Uint16(header[6:]) != 0 {
		return nil
	}

	var runs []Run
	for i := range min(int(le.Uint16(header[2:])), 4) {
		extent := header[12+12*i:]
		start := int64(le.Uint16(extent[6:]))<<32 | int64(le.Uint32(extent[8:]))
		runs = append(runs, Run{Offset: partition + start*block, Length: int64(le.Uint16(extent[4:])) * block, Use: Journal})
	}

	return runs
}

// xfsLog reads where the log is. https://docs.kernel.org/filesystems/xfs/
func xfsLog(super []byte, partition int64) []Run {
	be := binary.BigEndian
	block := int64(be.Uint32(super[4:]))
	start := be.Uint64(super[48:])
	perGroup := int64(be.Uint32(super[84:]))

	shift := super[124]
	if start == 0 || shift > 31 {
		return nil
	}

	group := int64(start >> shift)
	within := int64(start & (1<<shift - 1))
	return []Run{{Offset: partition + (group*perGroup+within)*block, Length: int64(be.Uint32(super[96:])) * block, Use: Journal}}
}
