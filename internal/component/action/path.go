package action

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"image-builder/internal/component"
)

// absolute resolves path against the call's directory. It drops a separator at the end.
func absolute(call *component.Call, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(call.Dir, path)
}

// isFolder reports whether a path ends in a separator of either platform: documents for both are checked here.
func isFolder(path string) bool {
	return strings.HasSuffix(path, "/") || strings.HasSuffix(path, `\`)
}

// split cuts a path, of either platform, after its last separator.
func split(path string) (dir, name string) {
	at := strings.LastIndexAny(path, `/\`) + 1
	return path[:at], path[at:]
}

// matching returns the entries of a folder whose path matches pattern, which may contain "*" after the last
// separator; without "*" it returns the pattern itself, even if no such file exists.
func matching(call *component.Call, pattern string) ([]string, error) {
	dir, name := filepath.Split(pattern)
	if !strings.Contains(name, "*") {
		return []string{absolute(call, pattern)}, nil
	}
	dir = absolute(call, dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}

	var paths []string
	for _, entry := range entries {
		if wildcard(name, entry.Name()) {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}

	return paths, nil
}

// wildcard reports whether name matches pattern; "*" stands for any text, and no other character is special.
func wildcard(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	first := parts[0]

	last := parts[len(parts)-1]
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = after
	}

	return true
}
