package local

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// holders returns the processes that hold a lock on a file or directory, as far as the kernel says. It misses those
// of another PID namespace, and all of them on file systems whose device numbers differ from stat's. proc_locks(5)
func holders(path string) []int {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return nil
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}

	inode := fmt.Sprintf("%02x:%02x:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev), stat.Ino)
	var pids []int
	for line := range bytes.Lines(locks) {
		fields := strings.Fields(string(line))
		if len(fields) < 6 || fields[1] == "->" || fields[5] != inode {
			continue
		}
		if pid, err := strconv.Atoi(fields[4]); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}

	slices.Sort(pids)
	return slices.Compact(pids)
}

// reserve allocates room for a file on the drive, up to a size in bytes, without changing its content. It does
// nothing on file systems that cannot.
func reserve(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("reserve room: %w", err)
	}
	_ = unix.Fallocate(int(file.Fd()), 0, 0, size)
	if err := file.Close(); err != nil {
		return fmt.Errorf("reserve room: %w", err)
	}
	return nil
}
