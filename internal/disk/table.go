package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/diskfs/go-diskfs/partition/mbr"
)

const (
	gptSignature = "EFI PART"
	// maxEntries bounds a GPT's partition array; 128 is what every tool writes.
	maxEntries = 1024
)

// Partition is a stretch of a disk.
type Partition struct {
	Number       int   // from 1; 0: the whole disk is one filesystem
	Offset, Size int64 // bytes
	// Type is a GPT type GUID in capitals or an MBR type in hexadecimal ("83"); "" for a whole-disk filesystem.
	Type string
	// Filesystem is Ext4 or XFS, the name of another format that is known, or "".
	Filesystem string
}

// Partitions lists a disk's partitions in the order of its table: GPT, MBR (primary partitions), or the one
// filesystem that fills the disk.
func Partitions(path string) ([]Partition, error) {
	f, size, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return partitions(f, size)
}

func partitions(f *os.File, size int64) ([]Partition, error) {
	if size < 4096 {
		return nil, &Unusable{Path: f.Name(), Reason: fmt.Sprintf("it is not a disk: it has %d bytes", size)}
	}
	sector, err := gptSector(f, size)
	if err != nil {
		return nil, err
	}
	if sector != 0 {
		return gptPartitions(f, size, sector)
	}

	format := identify(f, 0)
	switch {
	case format == Ext4 || format == XFS:
		return []Partition{{Size: size, Filesystem: format}}, nil
	case refusal(format) != "":
		return nil, &Unusable{Path: f.Name(), Reason: refusal(format)}
	}

	return mbrPartitions(f, size)
}

// gptSector returns the sector size of a disk's GPT; 0 if it has none. The header's counts come from the disk and
// decide how much is read, so it checks them first, in the primary header and in the backup.
func gptSector(f *os.File, size int64) (int, error) {
	for _, sector := range []int64{512, 4096} {
		found := false
		for _, at := range []int64{sector, size - size%sector - sector} {
			header := make([]byte, 92)
			if _, err := f.ReadAt(header, at); err != nil || string(header[:8]) != gptSignature {
				continue
			}
			entries := binary.LittleEndian.Uint32(header[80:])
			length := binary.LittleEndian.Uint32(header[84:])
			if entries > maxEntries || length != gpt.PartitionEntrySize {
				return 0, &Unusable{Path: f.Name(), Reason: fmt.Sprintf("its GPT claims %d partitions of %d bytes: write a new table", entries, length)}
			}
			found = true
		}

		if found {
			return int(sector), nil
		}
	}

	return 0, nil
}

func gptPartitions(f *os.File, size int64, sector int) ([]Partition, error) {
	table, err := gpt.Read(f, sector, sector)
	if err != nil {
		return nil, &Unusable{Path: f.Name(), Reason: fmt.Sprintf("its partition table is damaged (%v): repair it with sgdisk or gdisk", err)}
	}
	var list []Partition
	for _, p := range table.Partitions {
		if p.Start == 0 || p.End < p.Start || p.End >= uint64(size)/uint64(sector) {
			return nil, truncated(f.Name(), p.Index, size)
		}
		list = append(list, Partition{
			Number: p.Index, Type: string(p.Type),
			Offset: int64(p.Start) * int64(sector), Size: int64(p.End-p.Start+1) * int64(sector),
		})
	}

	return withFilesystems(f, list), nil
}

func mbrPartitions(f *os.File, size int64) ([]Partition, error) {
	table, err := mbr.Read(f, 512, 512)
	if err != nil {
		return nil, &Unusable{Path: f.Name(), Reason: "it is not a disk: it has neither a partition table nor a filesystem that is known"}
	}
	var list []Partition
	for i, p := range table.Partitions {
		if p.Type == mbr.Empty || p.Size == 0 {
			continue
		}
		part := Partition{
			Number: i + 1, Type: strconv.FormatUint(uint64(p.Type), 16),
			Offset: int64(p.Start) * 512, Size: int64(p.Size) * 512,
		}
		if p.Start == 0 || part.Offset+part.Size > size {
			return nil, truncated(f.Name(), part.Number, size)
		}
		list = append(list, part)
	}

	if len(list) == 0 {
		return nil, &Unusable{Path: f.Name(), Reason: "its partition table is empty"}
	}
	return withFilesystems(f, list), nil
}

func withFilesystems(f *os.File, list []Partition) []Partition {
	for i := range list {
		list[i].Filesystem = identify(f, list[i].Offset)
	}
	return list
}

func truncated(path string, number int, size int64) error {
	return &Unusable{Path: path, Reason: fmt.Sprintf("partition %d does not fit into the file's %d bytes: the file is cut short or its table is damaged", number, size)}
}

// errNoRoot is the error for a disk without a root partition.
var errNoRoot = errors.New("it has no root partition: none of a Discoverable Partitions root type for this architecture, " +
	"and no Linux partition with /etc/os-release")

// nextWithoutRoot is what to do then.
const nextWithoutRoot = "use the whole disk of a Linux system, whose /etc is a directory of its root partition"
