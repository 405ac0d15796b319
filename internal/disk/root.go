package disk

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/diskfs/go-diskfs/partition/gpt"

	"image-builder/internal/fault"
)

// rootTypes are the root partition types, this machine's architecture first.
// https://uapi-group.org/specifications/specs/discoverable_partitions_specification/
func rootTypes() []string {
	types := []string{string(gpt.LinuxRootX86_64), string(gpt.LinuxRootArm64)}
	if runtime.GOARCH == "arm64" {
		slices.Reverse(types)
	}
	return types
}

// linuxTypes are the other partition types that a root may have: GPT's and MBR's "Linux filesystem", and the
// whole disk.
func linuxTypes() []string {
	return []string{string(gpt.LinuxFilesystem), string(gpt.LinuxServerData), "83", ""}
}

// Root finds the root partition of the disk at path: the first of a Discoverable Partitions root type, else the one
// Linux partition whose tree, mounted read-only for the look, has /etc/os-release. An Unusable says why there is none.
func Root(path string) (Partition, error) {
	f, size, err := open(path, os.O_RDONLY)
	if err != nil {
		return Partition{}, err
	}
	defer f.Close()

	list, err := partitions(f, size)
	if err != nil {
		return Partition{}, err
	}

	for _, kind := range rootTypes() {
		for _, p := range list {
			if p.Type == kind {
				return rootable(path, p)
			}
		}
	}

	return search(f, list)
}

// rootable refuses a root partition whose filesystem cannot be mounted.
func rootable(path string, p Partition) (Partition, error) {
	switch {
	case p.Filesystem == Ext4 || p.Filesystem == XFS:
		return p, nil
	case refusal(p.Filesystem) != "":
		return p, &Unusable{Path: path, Reason: fmt.Sprintf("of root partition %d: %s", p.Number, refusal(p.Filesystem))}
	}
	return p, &Unusable{Path: path, Reason: fmt.Sprintf("root partition %d has no filesystem that is known: use a disk with an ext4 or xfs root", p.Number)}
}

// search looks for the partition with /etc/os-release.
func search(f *os.File, list []Partition) (Partition, error) {
	reason := errNoRoot.Error()
	for _, p := range list {
		if p.Filesystem != Ext4 && p.Filesystem != XFS {
			if text := refusal(p.Filesystem); text != "" {
				reason += fmt.Sprintf("; of partition %d: %s", p.Number, text)
			}
			continue
		}
		if !slices.Contains(linuxTypes(), p.Type) {
			continue
		}

		found, err := hasSystem(f, p)
		if err != nil {
			return Partition{}, err
		}
		if found {
			return p, nil
		}
	}

	return Partition{}, fault.New(fault.Done, &Unusable{Path: f.Name(), Reason: reason}, nextWithoutRoot)
}

// hasSystem reports whether p holds an operating system's tree.
func hasSystem(f *os.File, p Partition) (found bool, err error) {
	err = inspect(f, p, func(tree *os.Root) error {
		_, err := tree.Stat("etc/os-release")
		found = err == nil
		return nil
	})
	return found, err
}

// Inspect calls look with the root tree of the disk at path, mounted read-only and nowhere visible. Paths cannot
// leave the tree. The tree is gone when look has returned.
func Inspect(_ context.Context, path string, look func(tree *os.Root) error) error {
	p, err := Root(path)
	if err != nil {
		return err
	}
	f, _, err := open(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	return inspect(f, p, look)
}
