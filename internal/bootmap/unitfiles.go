package bootmap

import (
	"io/fs"
	"path"
	"strings"
)

// unitDirs are where systemd has units.
var unitDirs = []string{"etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// mostUnit bounds what is read of a unit's file, in bytes.
const mostUnit = 64 << 10

// UnitNames reads the names and descriptions of the units in an image's tree. What it cannot read it leaves out.
func UnitNames(tree fs.FS) []UnitName {
	var names []UnitName
	seen := map[string]bool{}
	for _, dir := range unitDirs {
		entries, _ := fs.ReadDir(tree, dir)
		for _, entry := range entries {
			if seen[entry.Name()] || !strings.Contains(entry.Name(), ".") {
				continue
			}
			if text, ok := begin(tree, path.Join(dir, entry.Name())); ok {
				seen[entry.Name()] = true
				names = append(names, UnitName{entry.Name(), description(text)})
			}
		}
	}

	return names
}

// begin returns the begin of a regular file.
func begin(tree fs.FS, name string) (string, bool) {
	info, err := fs.Stat(tree, name)
	if err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	file, err := tree.Open(name)
	if err != nil {
		return "", false
	}
	defer func() { _ = file.Close() }() // it was only read

	text := make([]byte, min(info.Size(), mostUnit))
	n, _ := file.Read(text)
	return string(text[:n]), true
}

func description(text string) string {
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "Description="); found {
			return value
		}
	}
	return ""
}
