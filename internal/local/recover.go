package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"image-builder/internal/image"
)

// Recover clears what killed processes left and returns it, a line each: runs that no process holds, directories of
// images and bases that no row names and no process holds, and the mounts and loop devices below any of them.
func (s *Store) Recover(ctx context.Context) ([]string, error) {
	runs, err := s.clearRuns()
	images, err2 := s.clearUnnamedIn(ctx, imagesDir)
	bases, err3 := s.clearUnnamedIn(ctx, basesDir)
	devices, err4 := sweepDeleted(s.dir)
	logs, err5 := s.clearLogs(ctx)
	return slices.Concat(runs, images, bases, devices, logs), errors.Join(err, err2, err3, err4, err5)
}

func (s *Store) clearRuns() ([]string, error) {
	names, err := readNames(filepath.Join(s.dir, runsDir))
	var cleared []string
	for _, name := range names {
		lines, failed := s.clearLocked(filepath.Join(s.dir, runsDir, name), func() (bool, error) { return true, nil })
		cleared, err = append(cleared, lines...), errors.Join(err, failed)
	}
	return cleared, err
}

func (s *Store) clearUnnamedIn(ctx context.Context, part string) ([]string, error) {
	names, err := readNames(filepath.Join(s.dir, part))
	var cleared []string
	for _, name := range names {
		known, failed := s.hasRow(ctx, part, name)
		err = errors.Join(err, failed)
		if known || failed != nil {
			continue
		}
		lines, failed := s.clearUnnamed(ctx, part, name)
		cleared, err = append(cleared, lines...), errors.Join(err, failed)
	}

	return cleared, err
}

// clearUnnamed asks for the row again under the lock: whoever publishes writes the row before it unlocks.
func (s *Store) clearUnnamed(ctx context.Context, part, name string) ([]string, error) {
	return s.clearLocked(filepath.Join(s.dir, part, name), func() (bool, error) {
		known, err := s.hasRow(ctx, part, name)
		return !known, err
	})
}

// clearLocked clears a directory that nobody holds, if it is stale.
func (s *Store) clearLocked(dir string, stale func() (bool, error)) ([]string, error) {
	lock, err := tryLock(dir)
	if errors.Is(err, errHeld) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}

	var cleared []string
	yes, err := stale()
	if yes && err == nil {
		cleared, err = s.discard(dir)
	}

	return cleared, errors.Join(err, lock.Close())
}

// discard takes down what is mounted or attached below a directory and removes it. It first moves it aside in runs/,
// so that an image vanishes at once instead of file by file; what a killed discard leaves there is cleared later.
func (s *Store) discard(dir string) ([]string, error) {
	cleared, err := release(dir)
	if err != nil {
		return cleared, err
	}
	trash := filepath.Join(s.dir, runsDir, image.NewID())
	if err := os.Rename(dir, trash); errors.Is(err, fs.ErrNotExist) {
		return cleared, nil
	} else if err != nil {
		return cleared, fmt.Errorf("remove directory: %w", err)
	}

	if err := os.RemoveAll(trash); err != nil {
		return cleared, fmt.Errorf("remove directory: %w", err)
	}
	return append(cleared, "removed "+dir), nil
}

// readNames lists directories only: a stray file is nobody's run.
func readNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read directory: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}

	return names, nil
}
