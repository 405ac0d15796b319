package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"image-builder/internal/fault"
)

// markerFile marks a data directory as ours. It is written only into an empty directory.
const markerFile = ".image-builder"

const markerText = "This directory belongs to image-builder, which removes what killed bakes leave in it.\n"

// prepare makes the data directory and its parts, readable by their owner only: disks contain password hashes. It
// refuses a directory that has content but no marker, and parts that are links.
func prepare(ctx context.Context, dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return dir, fmt.Errorf("open data directory: %w", err)
	}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return absolute, fmt.Errorf("create data directory: %w", err)
	}

	// The kernel reports mounts and loop devices by their real path.
	absolute, err = filepath.EvalSymlinks(absolute)
	if err != nil {
		return absolute, fmt.Errorf("open data directory: %w", err)
	}
	if err := claim(ctx, absolute); err != nil {
		return absolute, err
	}

	for _, part := range []string{basesDir, imagesDir, runsDir, logsDir} {
		if err := makePart(filepath.Join(absolute, part)); err != nil {
			return absolute, err
		}
	}

	return absolute, nil
}

// claim marks an empty directory as ours. Several processes may try at once: the directory's lock makes them take
// turns.
func claim(ctx context.Context, dir string) (err error) {
	if marked, err := isMarked(dir); marked || err != nil {
		return err
	}
	lock, err := waitLock(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()

	if marked, err := isMarked(dir); marked || err != nil {
		return err
	}

	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}

	for _, entry := range entries {
		if entry.Name() != "lost+found" { // the root of an ext4 file system has one
			return foreign(dir, entry.Name())
		}
	}

	if err := os.WriteFile(filepath.Join(dir, markerFile), []byte(markerText), 0o600); err != nil {
		return fmt.Errorf("mark data directory: %w", err)
	}
	return nil
}

func isMarked(dir string) (bool, error) {
	info, err := os.Lstat(filepath.Join(dir, markerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open data directory: %w", err)
	}
	return info.Mode().IsRegular(), nil
}

func foreign(dir, example string) error {
	return fault.New(fault.BadMachine,
		fmt.Errorf("open data directory %s: it is not empty (it holds %s) and image-builder did not make it", dir, example),
		"name an empty or new directory with --data-dir; if an earlier image-builder made this one: touch "+
			filepath.Join(dir, markerFile))
}

// makePart makes a directory, or checks that it is one and not a link to another place.
func makePart(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		return nil
	}
	info, statErr := os.Lstat(dir)
	if statErr != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	if !info.IsDir() {
		return fault.New(fault.BadMachine,
			fmt.Errorf("open data directory: %s is not a directory, and links are not followed", dir),
			"remove "+dir+", or name another directory with --data-dir")
	}

	return nil
}

// isOurName reports whether we make directories of that name in a part of the data directory. No other is ever
// removed.
func isOurName(part, name string) bool {
	if part == basesDir {
		return sha256Hex.MatchString(name)
	}
	return imageID.MatchString(name)
}
