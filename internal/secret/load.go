package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// LoadLimit is the largest secrets directory, in bytes: secrets are keys and tokens, and all are kept in memory.
const LoadLimit = 8 << 20

// Load reads a secrets directory, or one file as a secret of its base name. Symbolic links may point to files inside
// the directory, never out of it.
func Load(name string) (secrets []Secret, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	dir := name
	file := "."

	if !info.IsDir() {
		dir, file = filepath.Split(filepath.Clean(name))
	}

	root, err := os.OpenRoot(filepath.Clean(dir))
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()

	return load(root.FS(), file)
}

// load reads every file below start, in lexical order. It skips links to directories.
func load(fsys fs.FS, start string) ([]Secret, error) {
	var secrets []Secret
	left := int64(LoadLimit)
	err := fs.WalkDir(fsys, start, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := fs.Stat(fsys, name)
		if err != nil || info.IsDir() {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is a %s: a secret must be a regular file", name, info.Mode().Type())
		}

		value, err := read(fsys, name, left)
		if err != nil {
			return err
		}
		left -= int64(len(value))
		secrets = append(secrets, Secret{Name: path.Clean(name), Value: value})

		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}

	return secrets, nil
}

// read reads a file of at most limit bytes.
func read(fsys fs.FS, name string, limit int64) (value []byte, err error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	value, err = io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(value)) > limit {
		return nil, fmt.Errorf("all secrets together must be at most %d MiB: keep %s elsewhere", LoadLimit>>20, name)
	}
	return value, err
}
