package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Beside returns the digests of a disk that never changes: those in DigestsFile beside it, or else newly computed
// ones, which it stores there.
func Beside(ctx context.Context, path string) (*Digests, error) { return BesideClone(ctx, path, nil) }

// BesideClone is Beside for a disk that may share blocks with its parent's disk: the parent's digests are also those of
// the shared blocks, which are not read. Parent may be nil.
func BesideClone(ctx context.Context, path string, parent *Parent) (*Digests, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("find digests: %w", err)
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("find digests: %w", err)
	}

	kept := filepath.Join(filepath.Dir(path), DigestsFile)
	digests, err := OpenDigests(kept)
	if err == nil && digests.Len() == blocksOf(info.Size()) {
		return digests, nil
	}

	if err == nil {
		err = digests.Close()
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}

	if err != nil {
		return nil, err
	}
	if err := compute(ctx, file, parent, info.Size(), kept); err != nil {
		return nil, fmt.Errorf("compute digests of %s: %w", path, err)
	}

	return OpenDigests(kept)
}

// compute writes a disk's digests to a path, atomically.
func compute(ctx context.Context, file *os.File, parent *Parent, size int64, path string) (err error) {
	part, err := os.CreateTemp(filepath.Dir(path), "digests-")
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.Remove(part.Name()); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}()

	if err := part.Close(); err != nil {
		return err
	}

	digests, err := CreateDigests(part.Name(), size)
	if err != nil {
		return err
	}
	_, err = Comparison{Disk: file, Parent: parent, Digests: digests}.Changes(ctx)
	err = errors.Join(err, digests.Sync(), digests.Close())
	if err != nil {
		return err
	}

	return os.Rename(part.Name(), path)
}
