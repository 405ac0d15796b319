package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// emptyJournal reports whether an ext4 needs nothing of its journal, which begins at this offset of the disk.
// https://docs.kernel.org/filesystems/ext4/journal.html
func emptyJournal(f *os.File, p Partition, journal int64) (bool, error) {
	super := make([]byte, 1024)
	if _, err := f.ReadAt(super, p.Offset+1024); err != nil {
		return false, fmt.Errorf("read superblock: %w", err)
	}
	head := make([]byte, 1024)
	if _, err := f.ReadAt(head, journal); err != nil {
		return false, fmt.Errorf("read journal: %w", err)
	}

	const (
		incompatible = 0x60
		needsReplay  = 0x4 // EXT4_FEATURE_INCOMPAT_RECOVER
		state        = 0x3a
		unmounted    = 1 // and no error bit
		magic        = 0xc03b3998
	)

	le := binary.LittleEndian
	be := binary.BigEndian

	kind := be.Uint32(head[4:])
	start := be.Uint32(head[0x1c:])
	failure := be.Uint32(head[0x20:])
	return le.Uint32(super[incompatible:])&needsReplay == 0 && le.Uint16(super[state:]) == unmounted &&
		be.Uint32(head) == magic && (kind == 3 || kind == 4) && start == 0 && failure == 0, nil
}

// The sectors of an xfs log, as in fs/xfs/libxfs/xfs_log_format.h. Each sector begins with the number of the cycle in
// which it was written, or with the magic of a record's header and then the cycle.
const (
	logSector    = 512
	logMagic     = 0xfeedbabe
	logOnly      = 40   // in a header: the number of operations
	logClient    = 8    // in an operation
	logItself    = 0xaa // the log's own operations
	logUnmounted = 0x20
)

// logAhead returns what lies ahead of the head of an xfs log, if the kernel may find there what the base had: the log
// was not written around its end since. It also reports whether the base was unmounted cleanly.
func logAhead(ours, theirs *os.File, log Run) (runs []Run, clean bool, err error) {
	mine, err := readLog(ours, log)
	if err != nil {
		return nil, false, err
	}
	before, err := readLog(theirs, log)
	if err != nil {
		return nil, false, err
	}

	clean = before.unmounted()
	if !clean || !mine.unmounted() || mine.cycle != before.cycle || mine.head < before.head {
		return nil, clean, nil
	}

	ahead := log.Offset + mine.head*logSector
	return []Run{{Offset: ahead, Length: log.Offset + log.Length - ahead, Use: Journal}}, true, nil
}

// xfsRecords is an xfs log.
type xfsRecords struct {
	text  []byte
	cycle uint32 // of the sectors before the head
	head  int64  // the sector that is written next; 0: the log is not in order
}

func readLog(f *os.File, log Run) (xfsRecords, error) {
	l := xfsRecords{text: make([]byte, log.Length)}
	if _, err := f.ReadAt(l.text, log.Offset); err != nil && !errors.Is(err, io.EOF) {
		return l, fmt.Errorf("read log: %w", err)
	}

	l.cycle = l.cycleOf(0)
	sectors := int64(len(l.text)) / logSector
	head := int64(0)
	for head < sectors && l.cycleOf(head) == l.cycle {
		head++
	}

	for at := head; at < sectors; at++ {
		if l.cycleOf(at) != l.cycle-1 {
			return l, nil
		}
	}

	l.head = head
	return l, nil
}

func (l xfsRecords) sector(at int64) []byte { return l.text[at*logSector : (at+1)*logSector] }

func (l xfsRecords) cycleOf(at int64) uint32 {
	be := binary.BigEndian
	sector := l.sector(at)
	if be.Uint32(sector) == logMagic {
		return be.Uint32(sector[4:])
	}
	return be.Uint32(sector)
}

// unmounted reports whether the last record of a log in order says that the filesystem was unmounted.
func (l xfsRecords) unmounted() bool {
	for at := l.head - 2; at >= 0; at-- {
		header := l.sector(at)
		if binary.BigEndian.Uint32(header) != logMagic {
			continue
		}
		operation := l.sector(at + 1)
		return binary.BigEndian.Uint32(header[logOnly:]) == 1 && operation[logClient] == logItself && operation[logClient+1]&logUnmounted != 0
	}
	return false
}
