package base

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"image-builder/internal/disk"
)

// Bits of a qcow2 file's incompatible features that are harmless to read: dirty, compression type, extended L2
// entries. The others are corrupt (bit 1) and external data file (bit 2).
// https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.rst
const readableFeatures = 1<<0 | 1<<3 | 1<<4

// maxVirtual bounds the size that a qcow2 file may claim for its disk, in bytes: 16 TiB, the largest gp3 volume.
const maxVirtual = 16 << 40

// convertQcow2 turns a self-contained qcow2 file into disk.raw.
func (m Maker) convertQcow2(ctx context.Context, path string) error {
	defer m.Progress.Stage("convert qcow2")()
	if err := standsAlone(path); err != nil {
		return err
	}
	if _, err := exec.LookPath("qemu-img"); err != nil {
		return &disk.Missing{Program: "qemu-img", Package: "qemu-utils"}
	}

	absolute, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("read disk: %w", err)
	}
	// both formats are named, so that nothing is guessed from contents; an absolute path cannot be taken for a protocol
	err = m.run(ctx, append(os.Environ(), "LC_ALL=C"), "qemu-img", "convert", "-f", "qcow2", "-O", "raw", "-S", "4k", absolute, m.path(diskFile))
	if err != nil {
		return fmt.Errorf("convert %s: %w", path, err)
	}

	return nil
}

// standsAlone refuses a qcow2 file that refers to other files, because a stranger's file could copy this machine's
// own files into a disk. It also refuses encrypted and damaged files.
func standsAlone(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read disk: %w", err)
	}
	defer f.Close()

	header := make([]byte, 104)
	if _, err := io.ReadFull(f, header); err != nil {
		return &disk.Unusable{Path: path, Reason: "its qcow2 header is cut short"}
	}
	be := binary.BigEndian
	version := be.Uint32(header[4:])
	features := uint64(0)

	if version >= 3 {
		features = be.Uint64(header[72:])
	}

	reason := ""
	switch {
	case version != 2 && version != 3:
		reason = fmt.Sprintf("its qcow2 version %d is not known: convert it with qemu-img convert -O raw", version)
	case be.Uint64(header[8:]) != 0:
		reason = "it has a backing file: flatten it with qemu-img convert -O qcow2"
	case features&(1<<2) != 0:
		reason = "it keeps its data in an external file: flatten it with qemu-img convert -O qcow2"

	case be.Uint32(header[32:]) != 0:
		reason = "it is encrypted: decrypt it with qemu-img convert"
	case features&^uint64(readableFeatures) != 0:
		reason = fmt.Sprintf("it is marked corrupt or uses qcow2 features that are not known (%#x): repair it with qemu-img check -r all", features)
	case be.Uint64(header[24:]) > maxVirtual:
		reason = fmt.Sprintf("it claims a disk of %d bytes, more than 16 TiB", be.Uint64(header[24:]))

	default:
		return nil
	}

	return &disk.Unusable{Path: path, Reason: reason}
}
