package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"image-builder/internal/fault"
)

// Buckets are directories that stand for S3 buckets, by bucket name. A key is a path below the directory; a symbolic
// link that leads out of it is an error.
type Buckets map[string]string

// NewBuckets checks that each bucket is given a directory, and makes its path absolute.
func NewBuckets(given map[string]string) (Buckets, error) {
	checked := Buckets{}
	for name, dir := range given {
		absolute, err := directory(dir)
		if err != nil {
			return nil, fault.New(fault.BadInput, fmt.Errorf("use %s as bucket %s: %w", dir, name, err), "write --bucket NAME=DIR")
		}
		checked[name] = absolute
	}
	return checked, nil
}

// directory returns the absolute path of what must be a directory.
func directory(name string) (string, error) {
	absolute, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(absolute)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a directory")
	}
	return absolute, err
}

// StandsFor reports whether a directory stands for the bucket.
func (b Buckets) StandsFor(bucket string) bool {
	_, here := b[bucket]
	return here
}

// Get opens the file of a key. The caller closes it. The error is an fs.ErrNotExist if there is no such file. The
// bucket's owner is ignored.
func (b Buckets) Get(_ context.Context, bucket, key, _ string) (body io.ReadCloser, err error) {
	err = b.in(bucket, func(root *os.Root) error {
		if !fs.ValidPath(key) {
			return fmt.Errorf("get s3://%s/%s: the directory %s can have no such key: %w", bucket, key, b[bucket], fs.ErrNotExist)
		}
		file, err := root.Open(key) // it stays open without the root
		if errors.Is(err, syscall.ENOTDIR) {
			err = fmt.Errorf("%w: %w", fs.ErrNotExist, err) // the key of a file goes on
		}

		if err != nil {
			return fmt.Errorf("get s3://%s/%s: %w", bucket, key, err)
		}

		info, err := file.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = fs.ErrNotExist // a folder is not an object
		}

		if err != nil {
			return errors.Join(fmt.Errorf("get s3://%s/%s: %w", bucket, key, err), file.Close())
		}
		body = file
		return nil
	})

	return body, err
}

// List returns at most limit keys that start with prefix, in S3's order: that of their UTF-8 bytes.
func (b Buckets) List(ctx context.Context, bucket, prefix, _ string, limit int) (keys []string, err error) {
	err = b.in(bucket, func(root *os.Root) error {
		return fs.WalkDir(root.FS(), start(prefix), func(name string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err := errors.Join(err, context.Cause(ctx)); err != nil {
				return err
			}
			if !strings.HasPrefix(name, prefix) || entry.IsDir() {
				return nil
			}

			info, err := root.Stat(name)
			if err == nil && info.Mode().IsRegular() {
				keys = append(keys, name)
			}

			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, err)
	}

	slices.Sort(keys)
	return keys[:min(len(keys), limit)], nil
}

// start is the deepest directory that contains everything with the prefix.
func start(prefix string) string {
	if dir := path.Dir(prefix + "x"); fs.ValidPath(dir) {
		return dir
	}
	return "."
}

// Put writes the file of a key; readers see either the whole file or none.
func (b Buckets) Put(_ context.Context, bucket, key, _ string, body io.Reader) error {
	return b.in(bucket, func(root *os.Root) error {
		if !fs.ValidPath(key) || key == "." {
			return fmt.Errorf("put s3://%s/%s: a file below the directory %s cannot have this key", bucket, key, b[bucket])
		}
		if err := put(root, key, body); err != nil {
			return fmt.Errorf("put s3://%s/%s: %w", bucket, key, err)
		}
		return nil
	})
}

func put(root *os.Root, key string, body io.Reader) (err error) {
	if err := root.MkdirAll(path.Dir(key), 0o777); err != nil {
		return err
	}
	part := path.Join(path.Dir(key), "."+rand.Text()+".part")
	file, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}

	_, err = io.Copy(file, body)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = root.Rename(part, key)
	}

	if err != nil {
		return errors.Join(err, root.Remove(part))
	}
	return nil
}

// in runs a function in a bucket's directory.
func (b Buckets) in(bucket string, do func(*os.Root) error) (err error) {
	dir, ok := b[bucket]
	if !ok {
		return fmt.Errorf("open bucket %s: no directory stands for it: give one with --bucket %s=DIR: %w", bucket, bucket, fs.ErrNotExist)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open bucket %s: %w", bucket, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return do(root)
}
