package prefetch

import (
	_ "embed" // the script and the unit
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"image-builder/internal/disk"
)

// Where the files are in an image.
const (
	unitName = "image-builder-prefetch.service"
	unitPath = "etc/systemd/system/" + unitName
	wantPath = "etc/systemd/system/sysinit.target.wants/" + unitName
	script   = "usr/lib/image-builder/ahead"
	listPath = "usr/lib/image-builder/ahead.list"
)

var (
	//go:embed ahead.py
	scriptText []byte
	//go:embed ahead.service
	unitText []byte
)

// Where the programs are that it needs. That of systemd is in either place.
var (
	systemds = []string{"usr/lib/systemd/systemd", "lib/systemd/systemd"}
	pythons  = []string{"usr/bin/python3"}
)

// install writes unit and script, and removes an older list.
func install(tree *os.Root) error {
	if !has(tree, systemds) {
		return &disk.Unusable{Reason: "it has no systemd, which starts what reads ahead: leave prefetch out of the recipe"}
	}
	if !has(tree, pythons) {
		return &disk.Unusable{Reason: "it has no /usr/bin/python3, which reads ahead: install python3 in it, or leave prefetch out of the recipe"}
	}

	return errors.Join(
		remove(tree, listPath),
		write(tree, script, scriptText),
		write(tree, unitPath, unitText),
		remove(tree, wantPath),
		makeDir(tree, path.Dir(wantPath)),
		tree.Symlink("../"+unitName, wantPath))
}

// has reports whether one of these is a file, or a link: where that leads is the image's affair.
func has(tree *os.Root, names []string) bool {
	for _, name := range names {
		if info, err := tree.Lstat(name); err == nil && !info.IsDir() {
			return true
		}
	}
	return false
}

// writeList writes the runs, which are relative to the partition.
func writeList(tree *os.Root, partition disk.Partition, runs []disk.Extent) error {
	var text strings.Builder
	fmt.Fprintf(&text, "# start %d\n", partition.Offset/sector)
	for _, run := range runs {
		fmt.Fprintf(&text, "%d %d\n", run.Offset, run.Length)
	}
	return write(tree, listPath, []byte(text.String()))
}

// sector is in what the kernel counts the start of a partition, in bytes.
const sector = 512

// mode is that of the files: anyone may read them, and python3 needs no more of the script.
const mode = 0o644

// write replaces a file: one that a base put there is never written through.
func write(tree *os.Root, name string, text []byte) error {
	err := errors.Join(makeDir(tree, path.Dir(name)), remove(tree, name))
	if err != nil {
		return err
	}
	file, err := tree.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Chmod(mode), file.Close())
}

func makeDir(tree *os.Root, name string) error { return tree.MkdirAll(name, 0o755) }

func remove(tree *os.Root, name string) error {
	if err := tree.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
