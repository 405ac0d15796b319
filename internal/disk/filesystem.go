package disk

import (
	"bytes"
	"encoding/binary"
	"io"
)

// What identify can say of the bytes at the start of a disk or partition. Ext4 stands for ext2 and ext3 too: the
// kernel's ext4 driver mounts them.
const (
	Ext4  = "ext4"
	XFS   = "xfs"
	btrfs = "btrfs"
	luks  = "LUKS"
	lvm   = "LVM"
	qcow2 = "qcow2"
	vmdk  = "VMDK"
	vhdx  = "VHDX"
)

// magic is where a format is known by.
type magic struct {
	format string
	offset int64
	text   string
}

// magics lists the formats that are known by bytes alone; ext4 needs a closer look.
var magics = []magic{
	{XFS, 0, "XFSB"},
	{btrfs, 0x10040, "_BHRfS_M"},
	{luks, 0, "LUKS\xba\xbe"},
	{lvm, 512, "LABELONE"},
	{qcow2, 0, "QFI\xfb"},
	{vmdk, 0, "KDMV"},
	{vhdx, 0, "vhdxfile"},
}

// identify names the format of what starts at offset; "" if the format is unknown.
func identify(r io.ReaderAt, offset int64) string {
	for _, m := range magics {
		found := make([]byte, len(m.text))
		if _, err := r.ReadAt(found, offset+m.offset); err == nil && string(found) == m.text {
			return m.format
		}
	}
	if isExt(r, offset) {
		return Ext4
	}
	return ""
}

// isExt looks for an ext2, ext3 or ext4 superblock. Its magic is two bytes, which boot code may hold by chance, so
// the block size, the revision and the inode count are looked at too.
// https://docs.kernel.org/filesystems/ext4/globals.html#super-block
func isExt(r io.ReaderAt, offset int64) bool {
	super := make([]byte, 128)
	if _, err := r.ReadAt(super, offset+1024); err != nil {
		return false
	}
	le := binary.LittleEndian
	return bytes.Equal(super[56:58], []byte{0x53, 0xef}) &&
		le.Uint32(super[0:]) > 0 && // inodes
		le.Uint32(super[24:]) <= 6 && // block size 1 KiB << n
		le.Uint32(super[76:]) <= 1 // revision
}

// refusal says why a disk or partition of this format cannot be a root; "" if it can, or if the format is not known.
func refusal(format string) string {
	switch format {
	case btrfs:
		return "its filesystem is btrfs, which is not supported: use a disk with an ext4 or xfs root"
	case luks:
		return "it is encrypted (LUKS): decrypt it first, an encrypted disk cannot be baked"
	case lvm:
		return "it is an LVM volume, which is not supported: use a disk with its root on a plain partition"
	case qcow2, vmdk, vhdx:
		return "it is a " + format + " file, not a raw disk: convert it with qemu-img convert -O raw"
	}

	return ""
}
