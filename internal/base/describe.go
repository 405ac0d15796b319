package base

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/diskfs/go-diskfs/partition/gpt"

	"image-builder/internal/disk"
	"image-builder/internal/image"
)

// Architecture returns the architecture of a tree's programs. The tree may be hostile: paths and links cannot leave
// it, and only an ELF header is parsed.
func Architecture(tree *os.Root) (image.Arch, error) {
	for _, path := range []string{"usr/lib/systemd/systemd", "lib/systemd/systemd", "usr/bin/env", "bin/sh", "usr/bin/bash"} {
		machine, err := machineOf(tree, path)
		if err != nil {
			continue
		}
		switch machine {
		case elf.EM_X86_64:
			return image.X86_64, nil
		case elf.EM_AARCH64:
			return image.ARM64, nil
		}
		return "", fmt.Errorf("its programs are for %s: use a disk for x86_64 or arm64", machine)
	}

	return "", errors.New("its root holds no program that tells its architecture (systemd, env, sh): is it an operating system's disk?")
}

func machineOf(tree *os.Root, path string) (elf.Machine, error) {
	f, err := openRegular(tree, path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	program, err := elf.NewFile(io.NewSectionReader(f, 0, 64<<20))
	if err != nil {
		return 0, err
	}
	return program.Machine, nil
}

// openRegular opens a regular file of the tree. It follows links inside the tree; an absolute link starts at the
// tree's root.
func openRegular(tree *os.Root, path string) (*os.File, error) {
	if target, err := tree.Readlink(path); err == nil && strings.HasPrefix(target, "/") {
		path = strings.TrimLeft(target, "/")
	}

	info, err := tree.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: not a regular file", path)
	}

	return tree.Open(path)
}

// systemName returns PRETTY_NAME of /etc/os-release, else its ID, else "unknown".
// https://www.freedesktop.org/software/systemd/man/latest/os-release.html
func systemName(tree *os.Root) string {
	values := map[string]string{}
	for _, path := range []string{"etc/os-release", "usr/lib/os-release"} {
		f, err := openRegular(tree, path)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
		for lines.Scan() {
			if key, value, ok := strings.Cut(lines.Text(), "="); ok {
				values[key] = printable(strings.Trim(value, `"'`))
			}
		}

		f.Close()
		break
	}

	for _, key := range []string{"PRETTY_NAME", "ID"} {
		if values[key] != "" {
			return values[key]
		}
	}

	return "unknown"
}

// printable drops characters that could act on a terminal, and cuts the text to fit into a table.
func printable(text string) string {
	kept := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	return kept[:min(len(kept), 80)]
}

// firmware says what can start the disk at path: an ESP with the removable-media loader means UEFI; boot code in the
// first sector, on a disk with a place for its second stage, means BIOS.
func firmware(path string) ([]image.Firmware, error) {
	list, err := disk.Partitions(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read disk: %w", err)
	}
	defer f.Close()

	found := []image.Firmware{}
	stage2 := false
	for _, p := range list {
		esp := p.Type == string(gpt.EFISystemPartition) || p.Type == "ef"
		if esp && hasLoader(f, p) {
			found = append(found, image.UEFI)
		}
		// a GPT has a partition for the second stage, an MBR a gap before its first partition
		stage2 = stage2 || p.Type == string(gpt.BIOSBoot) || (len(p.Type) <= 2 && p.Number > 0)
	}

	if stage2 && hasBootCode(f) {
		found = append(found, image.BIOS)
	}

	return found, nil
}

// hasLoader looks for /EFI/BOOT in a FAT partition.
func hasLoader(f *os.File, p disk.Partition) (found bool) {
	// The FAT library was not written for hostile disks. A panic counts as a disk without a loader.
	defer func() {
		if recover() != nil {
			found = false
		}
	}()

	if p.Size > 4<<30 {
		return false
	}
	esp, err := fat32.Read(file.New(f, true), p.Size, p.Offset, 512)
	if err != nil {
		return false
	}

	entries, err := esp.ReadDir("EFI/BOOT")
	if err != nil {
		return false
	}

	for _, entry := range entries {
		name := strings.ToUpper(entry.Name())
		if strings.HasPrefix(name, "BOOT") && strings.HasSuffix(name, ".EFI") {
			return true
		}
	}

	return false
}

// hasBootCode reports whether the first sector starts with x86 code: a short or near jump, as in every loader, or
// anything except zeroes.
func hasBootCode(f *os.File) bool {
	sector := make([]byte, 440)
	if _, err := f.ReadAt(sector, 0); err != nil {
		return false
	}
	return sector[0] != 0
}
