package bake

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// seal makes the stopped disk read-only, and checks that it is sound and free of secrets.
func (b Bake) seal(ctx context.Context, d Definition) (*image.Search, error) {
	defer b.Report.Stage("seal")()

	// The disk may hold mirrors of private repositories, so only root can read it unless root decides otherwise. This
	// comes first: what the search keeps of the disk holds only while nothing touches the file.
	if err := os.Chmod(d.disk(), 0o400); err != nil {
		return nil, fmt.Errorf("make disk read-only: %w", err)
	}

	var search *image.Search
	proofs, proving := errgroup.WithContext(ctx) // each only reads
	proofs.Go(func() error { return disk.Check(proving, d.disk()) })
	proofs.Go(func() error { return disk.Inspect(proving, d.disk(), isSystem) })
	proofs.Go(func() (err error) { search, err = b.search(proving, d); return err })
	if err := proofs.Wait(); err != nil {
		return nil, fmt.Errorf("seal disk: %w", err)
	}

	return search, nil
}

// isSystem reports whether a tree is still an operating system: a script may have removed more than it meant to.
func isSystem(tree *os.Root) error {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		if _, err := tree.Stat(name); err == nil {
			return nil
		}
	}
	return errors.New("it no longer holds an operating system (/etc/os-release is gone): a step must have removed it")
}

// Class is that of secrets found.
func (e *LeakError) Class() fault.Class { return fault.SecretFound }

// Hint is empty: the list of places is the help.
func (e *LeakError) Hint() string { return "" }

// sizes returns the disk's length and how much of it is data, both in bytes.
func sizes(path string) (size, data int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, fmt.Errorf("measure disk: %w", err)
	}
	data, err = disk.Data(path)
	return info.Size(), data, err
}
