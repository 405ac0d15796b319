package local

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// release unmounts everything mounted below dir or from a disk in it, and detaches the loop devices of its disks.
// Otherwise the removal of a directory could reach through a mount that a killed process left.
func release(dir string) ([]string, error) {
	loops, err := loopsBelow(dir)
	if err != nil {
		return nil, err
	}
	cleared, err := unmountBelow(dir, loops)
	if err != nil {
		return cleared, err
	}
	if err := unmountTree(dir); err != nil {
		return cleared, err
	}

	for device := range loops {
		if err := detach(device, dir); err != nil {
			return cleared, err
		}
		cleared = append(cleared, "detached "+device)
	}

	if len(loops) > 0 {
		awaitDetached(dir)
	}

	return cleared, nil
}

// The processes of a killed bake die shortly after it, and release what they hold: usually within milliseconds.
const (
	dyingTime = 10 * time.Second
	dyingTick = 10 * time.Millisecond
)

// awaitDetached waits until no loop device has a file below dir, or dyingTime is over: any device still attached then
// detaches itself with its last user.
func awaitDetached(dir string) {
	tick := time.NewTicker(dyingTick)
	defer tick.Stop()
	for range dyingTime / dyingTick {
		if loops, err := loopsBelow(dir); err != nil || len(loops) == 0 {
			return
		}
		<-tick.C
	}
}

// sweepDeleted releases loop devices of files in the data directory whose directory was removed.
func sweepDeleted(dir string) ([]string, error) {
	loops, err := loopsBelow(dir)
	var cleared []string
	for _, file := range loops {
		home := filepath.Dir(file)
		if _, missing := os.Lstat(home); !errors.Is(missing, fs.ErrNotExist) {
			continue
		}
		lines, failed := release(home)
		cleared, err = append(cleared, lines...), errors.Join(err, failed)
	}

	return cleared, err
}

// loopsBelow returns the loop devices whose files lie, or lay, below dir: device to file.
func loopsBelow(dir string) (map[string]string, error) {
	attributes, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, fmt.Errorf("find loop devices: %w", err)
	}
	loops := make(map[string]string)
	for _, attribute := range attributes {
		if file := backing(attribute); strings.HasPrefix(file, dir+"/") {
			loops["/dev/"+filepath.Base(filepath.Dir(filepath.Dir(attribute)))] = file
		}
	}

	return loops, nil
}

// backing returns the file of a loop device, "" if it has none any more.
func backing(attribute string) string {
	text, err := os.ReadFile(attribute)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), " (deleted)")
}

// detach clears a loop device. Opening it first pins it: it cannot get another file between the check and the
// clearing. A device that is still in use detaches itself with its last user. loop(4)
func detach(device, dir string) (err error) {
	f, err := os.Open(device)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENXIO) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("detach loop device: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	file := backing(filepath.Join("/sys/block", filepath.Base(device), "loop/backing_file"))
	if !strings.HasPrefix(file, dir+"/") {
		return nil
	}
	err = unix.IoctlSetInt(int(f.Fd()), unix.LOOP_CLR_FD, 0)
	if err != nil && !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("detach loop device %s: %w", device, err)
	}

	return nil
}

// unmountBelow unmounts, last mounted first. It detaches lazily: a process that still uses a mount keeps it, but no
// path leads there any more.
func unmountBelow(dir string, loops map[string]string) ([]string, error) {
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	var cleared []string
	for _, m := range slices.Backward(mounts) {
		_, ours := loops[m.source]
		if !ours && m.point != dir && !strings.HasPrefix(m.point, dir+"/") {
			continue
		}
		err := unix.Unmount(m.point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			continue // it went with an outer mount, or another process unmounted it
		}
		if err != nil {
			return cleared, fmt.Errorf("unmount %s: %w", m.point, err)
		}

		cleared = append(cleared, "unmounted "+m.point)
	}

	return cleared, nil
}

// unmountTree unmounts what the list of mounts did not show: the kernel may leave out lines while other processes
// mount and unmount. Nothing that is removed next may contain a mount, so this looks at the directory itself.
func unmountTree(dir string) error {
	for {
		point, err := firstMount(dir)
		if err != nil || point == "" {
			return err
		}
		if err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount %s: %w", point, err)
		}
	}
}

// firstMount returns a file or directory below dir that is a mount point, "" if there is none. statx(2)
func firstMount(dir string) (string, error) {
	point := ""
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var stat unix.Statx_t
		if err == nil {
			err = unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, 0, &stat)
		}

		if errors.Is(err, fs.ErrNotExist) {
			return nil // another process removes it too
		}
		if err != nil || stat.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
			return err
		}

		point = path
		return filepath.SkipAll
	})
	if err != nil {
		return "", fmt.Errorf("look for mounts: %w", err)
	}

	return point, nil
}

type mount struct{ point, source string }

// readMounts reads what this process has mounted, in the order of mounting. proc_pid_mountinfo(5)
func readMounts() ([]mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	var mounts []mount
	for line := range bytes.Lines(text) {
		before, after, _ := strings.Cut(string(line), " - ")
		fields := strings.Fields(before)
		source := strings.Fields(after)
		if len(fields) < 5 || len(source) < 2 {
			continue
		}
		mounts = append(mounts, mount{point: unescape(fields[4]), source: unescape(source[1])})
	}

	return mounts, nil
}

// unescape resolves the octal escapes of blanks and backslashes.
func unescape(field string) string {
	var text strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] == '\\' && i+3 < len(field) {
			if code, err := strconv.ParseUint(field[i+1:i+4], 8, 8); err == nil {
				text.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		text.WriteByte(field[i])
	}

	return text.String()
}
