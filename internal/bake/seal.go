package bake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/secret"
)

// seal proves the stopped disk sound and free of secrets and makes it read-only.
func (b Bake) seal(ctx context.Context, d Definition) (*image.Search, error) {
	defer b.Report.Stage("seal")()
	var search *image.Search
	proofs, proving := errgroup.WithContext(ctx) // each only reads
	proofs.Go(func() error { return disk.Check(proving, d.disk()) })
	proofs.Go(func() error { return disk.Inspect(proving, d.disk(), isSystem) })
	proofs.Go(func() (err error) { search, err = b.search(proving, d); return err })
	if err := proofs.Wait(); err != nil {
		return nil, fmt.Errorf("seal disk: %w", err)
	}

	// Mirrors of private repositories may be in it: nobody but root reads it unless root says so.
	if err := os.Chmod(d.disk(), 0o400); err != nil {
		return nil, fmt.Errorf("make disk read-only: %w", err)
	}
	return search, nil
}

// isSystem tells whether a tree still is an operating system: a script may have removed more than it meant to.
func isSystem(tree *os.Root) error {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		if _, err := tree.Stat(name); err == nil {
			return nil
		}
	}
	return errors.New("it holds no operating system any more (no /etc/os-release): a step must have removed it")
}

// search looks for every secret in every byte of the disk that is neither in a hole nor in a block that is physically
// the base's own.
func (b Bake) search(ctx context.Context, d Definition) (*image.Search, error) {
	patterns := d.hidden.Search()
	if patterns.Patterns() == 0 {
		return nil, nil
	}
	start := b.Now()

	file, err := os.Open(d.disk())
	if err != nil {
		return nil, fmt.Errorf("search disk: %w", err)
	}
	defer file.Close()

	known, err := d.ofBase(file)
	if err != nil {
		return nil, fmt.Errorf("search disk: %w", err)
	}
	hits, read, err := patterns.Disk(ctx, file, known...)
	if err != nil {
		return nil, fmt.Errorf("search disk: %w", err)
	}

	leaks, err := b.leaks(ctx, d, patterns, hits)
	if err != nil {
		return nil, err
	}
	if len(leaks) > 0 {
		return nil, &LeakError{Leaks: leaks}
	}

	proof := &image.Search{
		Patterns: patterns.Patterns(), Bytes: read, Allowed: d.AllowLeak,
		Elapsed: image.Duration(b.Now().Sub(start)),
	}
	for _, extent := range known {
		proof.Shared += extent.Length
	}

	return proof, nil
}

// ofBase returns the parts of the disk that are still the base's own blocks. Their bytes need not be read again: what
// they hold, the base held already.
func (d Definition) ofBase(file *os.File) ([]secret.Range, error) {
	base, err := os.Open(d.Base.Disk)
	if err != nil {
		return nil, err
	}
	defer base.Close()

	shared, err := disk.Shared(file, base)
	known := make([]secret.Range, len(shared))
	for i, extent := range shared {
		known[i] = secret.Range(extent)
	}

	return known, err
}

// leaks drops the hits that the base already held and those in files that may hold a secret.
func (b Bake) leaks(ctx context.Context, d Definition, patterns *secret.Search, hits []secret.Hit) ([]Leak, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	base, err := os.Open(d.Base.Disk)
	if err != nil {
		return nil, fmt.Errorf("search base: %w", err)
	}
	defer base.Close()

	hits, err = patterns.Except(ctx, base, hits)
	if err != nil {
		return nil, fmt.Errorf("search base: %w", err)
	}
	offsets := make([]int64, len(hits))
	for i, hit := range hits {
		offsets[i] = hit.Offset
	}

	places, err := disk.Locate(ctx, d.disk(), offsets)
	if err != nil {
		return nil, fmt.Errorf("locate secret on disk: %w", err)
	}
	var leaks []Leak
	for _, hit := range hits {
		place := places[hit.Offset]
		if !slices.Contains(d.AllowLeak, place.Path) {
			leaks = append(leaks, Leak{Secret: hit.Secret, Form: hit.Form, Offset: hit.Offset, File: place.Path, FileOffset: place.Offset})
		}
	}

	return leaks, nil
}

// Leak is a secret found on the disk. It never holds the secret itself.
type Leak struct {
	Secret     string `json:"secret"` // its name
	Form       string `json:"form"`   // in which form it was found
	Offset     int64  `json:"offset"` // bytes from the start of the disk
	File       string `json:"file"`   // the file that holds it; "" in free space or metadata
	FileOffset int64  `json:"fileOffset,omitempty"`
}

func (l Leak) String() string {
	if l.File == "" {
		return fmt.Sprintf("%s (%s) at byte %d of the disk, in no file: deleted, or in the file system's own records", l.Secret, l.Form, l.Offset)
	}
	return fmt.Sprintf("%s (%s) in %s at byte %d (byte %d of the disk)", l.Secret, l.Form, l.File, l.FileOffset, l.Offset)
}

// LeakError says that the disk holds secrets; the disk is thrown away.
type LeakError struct{ Leaks []Leak }

func (e *LeakError) Error() string {
	const most = 10
	lines := make([]string, 0, most)
	for _, leak := range e.Leaks[:min(most, len(e.Leaks))] {
		lines = append(lines, leak.String())
	}
	if more := len(e.Leaks) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return "search disk for secrets: found " + strings.Join(lines, "; ")
}

// sizes returns the length of the disk and how much of it is not holes, both in bytes.
func sizes(path string) (size, data int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, fmt.Errorf("measure disk: %w", err)
	}
	data, err = disk.Data(path)
	return info.Size(), data, err
}
