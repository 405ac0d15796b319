package action

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// land writes a file that readers see completely or not at all: first beside its place, then renamed. It makes
// missing folders. An existing file keeps its owner and permissions, and land writes through a symbolic link.
func land(ctx context.Context, path string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}

	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("write file: %s is a folder: give a file name", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}

	part := filepath.Join(filepath.Dir(path), "."+rand.Text()+".part")
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()

	if err := errors.Join(write(file), like(file, path), file.Close()); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}

	return os.Rename(part, path)
}

// like gives file the owner and permissions of the file at path, if there is one.
func like(file *os.File, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}

	if stat, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := file.Chown(int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}

	return file.Chmod(info.Mode())
}

// exists reports whether there is anything at path, including a dangling symbolic link.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// copying is land's write function for copies.
func copying(from io.Reader) func(io.Writer) error {
	return func(to io.Writer) error {
		_, err := io.Copy(to, from)
		return err
	}
}
