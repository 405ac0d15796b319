package nspawn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// groupPrefix starts the name of each of our control groups; its owner's process ID and a random part follow.
const groupPrefix = "image-builder-"

// maxTasks keeps a fork bomb in the image from using up this machine's process table.
const maxTasks = "16384"

// createGroups makes one control group per hierarchy, below this process's own. The container sees its group as the
// root of the hierarchy, so its changes concern only itself.
func createGroups(name string) (groups []string, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, removeGroups(context.Background(), groups))
			groups = nil
		}
	}()

	parents, err := ownGroups()
	if err != nil {
		return nil, err
	}

	for _, parent := range parents {
		sweep(parent)
		group := filepath.Join(parent, name)
		if err := os.Mkdir(group, 0o755); err != nil {
			return groups, fmt.Errorf("make control group: %w: in a container, /sys/fs/cgroup must be writable", err)
		}
		groups = append(groups, group)
		if err := adjust(parent, group); err != nil {
			return groups, fmt.Errorf("set up control group: %w", err)
		}
	}

	return groups, nil
}

// adjust sets what a version 1 cpuset needs before a process can enter it, and limits tasks where that is possible.
func adjust(parent, group string) error {
	err := os.WriteFile(filepath.Join(group, "pids.max"), []byte(maxTasks), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if _, err := os.Stat(filepath.Join(group, "cgroup.controllers")); err == nil {
		return nil // version 2
	}

	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(parent, file))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(group, file), value, 0); err != nil {
			return err
		}
	}

	return nil
}

// ownGroups lists the directories of this process's control groups, one per mounted hierarchy.
func ownGroups() ([]string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("read control groups: %w", err)
	}
	mounts, err := hierarchies()
	if err != nil {
		return nil, fmt.Errorf("read control groups: %w", err)
	}

	var groups []string
	for line := range strings.Lines(string(text)) {
		field := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(field) != 3 {
			continue
		}
		if mount, found := mounts[field[1]]; found {
			below, _ := strings.CutPrefix(field[2], strings.TrimSuffix(mount.root, "/"))
			groups = append(groups, filepath.Join(mount.dir, below))
		}
	}

	return groups, nil
}

// hierarchy is the mount point of a hierarchy of control groups, and the group at its top.
type hierarchy struct{ dir, root string }

// hierarchies finds the mounted ones by their controllers, as /proc/self/cgroup names them ("" is version 2).
func hierarchies() (map[string]hierarchy, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()

	found := map[string]hierarchy{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		front, back, _ := strings.Cut(lines.Text(), " - ")
		field := strings.Fields(front)

		kind := strings.Fields(back)
		if len(field) < 5 || len(kind) < 3 {
			continue
		}

		switch kind[0] {
		case "cgroup2":
			found[""] = hierarchy{field[4], field[3]}
		case "cgroup":
			found[controllers(kind[2])] = hierarchy{field[4], field[3]}
		}
	}

	return found, nil
}

// controllers picks a version 1 hierarchy's controllers out of its mount options.
func controllers(options string) string {
	var names []string
	for option := range strings.SplitSeq(options, ",") {
		switch {
		case option == "rw", option == "ro", option == "xattr", option == "clone_children", option == "noprefix",
			strings.HasPrefix(option, "release_agent="), strings.HasPrefix(option, "cpuset_v2_mode"):
		default:
			names = append(names, option)
		}
	}
	return strings.Join(names, ",")
}

// sweep removes the groups that killed processes left.
func sweep(parent string) {
	old, _ := filepath.Glob(filepath.Join(parent, groupPrefix+"*"))
	for _, group := range old {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(group), groupPrefix), "-")
		pid, err := strconv.Atoi(owner)
		if err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			_ = removeGroup(group) // the next sweep gets it
		}
	}
}

// removeGroups removes groups and waits a moment where needed: a group is busy until the kernel is done with its last
// process.
func removeGroups(ctx context.Context, groups []string) error {
	var errs []error
	for _, group := range groups {
		err := removeGroup(group)
		deadline := time.Now().Add(2 * time.Second)
		for errors.Is(err, unix.EBUSY) && time.Now().Before(deadline) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
			err = removeGroup(group)
		}
		errs = append(errs, err)
	}

	return errors.Join(errs...)
}

// removeGroup removes a group and those made in it, innermost first.
func removeGroup(group string) error {
	var all []string
	err := filepath.WalkDir(group, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	for i := len(all) - 1; i >= 0; i-- {
		if err := unix.Rmdir(all[i]); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove control group %s: %w", all[i], err)
		}
	}

	return nil
}
