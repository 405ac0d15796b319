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

// Recover clears what killed processes left and returns one line for each: runs that no process holds, directories of
// images and bases whose commit or removal was interrupted, and the mounts and loop devices below any of them.
// Committed disks without a row stay.
func (s *Store) Recover(ctx context.Context) ([]string, error) {
	runs, err := s.clearRuns()
	images, err2 := s.clearUnnamedIn(ctx, imagesDir)
	bases, err3 := s.clearUnnamedIn(ctx, basesDir)
	devices, err4 := sweepDeleted(s.dir)
	return slices.Concat(runs, images, bases, devices), errors.Join(err, err2, err3, err4)
}

func (s *Store) clearRuns() ([]string, error) {
	names, err := s.readNames(runsDir)
	var cleared []string
	for _, name := range names {
		lines, failed := s.clearLocked(filepath.Join(s.dir, runsDir, name), func() (bool, error) { return true, nil })
		cleared, err = append(cleared, lines...), errors.Join(err, failed)
	}
	return cleared, err
}

func (s *Store) clearUnnamedIn(ctx context.Context, part string) ([]string, error) {
	names, err := s.readNames(part)
	var cleared []string
	for _, name := range names {
		if !isUncommitted(filepath.Join(s.dir, part, name)) {
			continue
		}
		lines, failed := s.clearUnnamed(ctx, part, name)
		cleared, err = append(cleared, lines...), errors.Join(err, failed)
	}

	return cleared, err
}

// clearUnnamed clears the directory of an uncommitted disk, or settles it if its row exists. It looks under the lock:
// a committing process writes the row before it unlocks.
func (s *Store) clearUnnamed(ctx context.Context, part, name string) ([]string, error) {
	dir := filepath.Join(s.dir, part, name)
	return s.clearLocked(dir, func() (bool, error) {
		known, err := s.hasRow(ctx, part, name)
		if known && err == nil {
			return false, settle(dir)
		}
		return !known && isUncommitted(dir), err
	})
}

// clearLocked clears a directory that no process holds, if it is stale.
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

// discard unmounts and detaches everything below a directory and removes it. It first moves it aside into runs/, so
// that an image vanishes at once instead of file by file; the remains of a killed discard are cleared later.
func (s *Store) discard(dir string) ([]string, error) {
	cleared, err := release(dir)
	if err != nil {
		return cleared, err
	}
	trash := filepath.Join(runsDir, image.NewID())
	if err := s.root.Rename(s.relative(dir), trash); errors.Is(err, fs.ErrNotExist) {
		return cleared, nil
	} else if err != nil {
		return cleared, fmt.Errorf("remove directory: %w", err)
	}

	if err := s.root.RemoveAll(trash); err != nil {
		return cleared, fmt.Errorf("remove directory: %w", err)
	}
	return append(cleared, "removed "+dir), nil
}

// readNames lists the directories in a part of the data directory whose names we make. Others are not ours.
func (s *Store) readNames(part string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, part))
	if err != nil {
		return nil, fmt.Errorf("read directory: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && isOurName(part, entry.Name()) {
			names = append(names, entry.Name())
		}
	}

	return names, nil
}
