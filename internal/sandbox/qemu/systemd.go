package qemu

import (
	"context"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// leastSystemd is the first version that takes credentials from the firmware.
const leastSystemd = 252

// Takes reports whether commands can reach a disk in a virtual machine: a *disk.Unusable says why not. That a disk boots
// is not looked at.
func Takes(ctx context.Context, path string) error {
	if err := checkSystemd(ctx, path); err != nil {
		return err
	}

	firmware, err := firmwareOf(hostArch(), path)
	if err != nil {
		return err
	}
	if _, err := findFlash(hostArch()); err != nil && firmware == image.UEFI {
		return &disk.Unusable{Path: path, Reason: err.Error()}
	}

	return nil
}

// checkSystemd refuses a disk whose init cannot be reached from outside.
func checkSystemd(ctx context.Context, path string) error {
	return disk.Inspect(ctx, path, func(tree *os.Root) error {
		version := systemdOf(tree)
		if version >= leastSystemd {
			return nil
		}
		reason := "it has no systemd, and commands cannot reach another init in a virtual machine"
		if version > 0 {
			reason = fmt.Sprintf("it has systemd %d, and commands reach only %d or later in a virtual machine", version, leastSystemd)
		}
		return fault.New(fault.Done, &disk.Unusable{Path: path, Reason: reason}, "test it with --test container, or only boot it: image boot")
	})
}

// systemdOf returns the version of a tree's systemd, by the name of its library; 0 if there is none.
func systemdOf(tree *os.Root) int {
	const prefix = "libsystemd-shared-"
	newest := 0
	for _, dir := range []string{"usr/lib/systemd", "lib/systemd", "usr/lib64/systemd", "usr/lib/x86_64-linux-gnu/systemd", "usr/lib/aarch64-linux-gnu/systemd"} {
		open, err := tree.Open(dir)
		if err != nil {
			continue
		}
		names, _ := open.Readdirnames(-1)
		_ = open.Close() // it was only read

		for _, name := range names {
			rest, found := strings.CutPrefix(path.Base(name), prefix)
			end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
			if !found || end <= 0 {
				continue
			}
			version, _ := strconv.Atoi(rest[:end])
			newest = max(newest, version)
		}
	}

	return newest
}
