package nspawn

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// maxLinks is the kernel's limit of symbolic links in one path.
const maxLinks = 40

// follow resolves name in root as a process in the image would: absolute links start at the image's root, and nothing
// leads out of it. It keeps the part of a path that does not exist. The result contains no links.
func follow(root *os.Root, name string) (string, error) {
	done := "."
	todo := strings.Split(name, "/")

	links := 0
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]

		switch next {
		case "", ".":
			continue
		case "..":
			done = path.Dir(done)
			continue
		}

		at := path.Join(done, next)
		target, err := root.Readlink(at)
		if err != nil { // no link: a file, a directory or nothing
			if info, err := root.Lstat(at); err == nil && info.Mode().Type() == fs.ModeSymlink {
				return "", err
			}
			done = at
			continue
		}

		links++
		if links > maxLinks {
			return "", errors.New("follow links: too many of them")
		}

		if path.IsAbs(target) {
			done = "."
		}

		todo = append(strings.Split(target, "/"), todo...)
	}

	return done, nil
}
