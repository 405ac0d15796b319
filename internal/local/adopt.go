package local

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"image-builder/internal/image"
)

// Unnamed returns the directories of committed disks that no row of the database names, sorted: the database was
// lost, or is older than they are. Nothing removes them; Adopt takes them back.
func (s *Store) Unnamed(ctx context.Context) ([]string, error) {
	var found []string
	for _, part := range []string{imagesDir, basesDir} {
		names, err := s.readNames(part)
		if err != nil {
			return nil, err
		}

		for _, name := range names {
			dir := filepath.Join(s.dir, part, name)
			known, err := s.hasRow(ctx, part, name)
			if err != nil {
				return nil, err
			}
			if !known && !isUncommitted(dir) {
				found = append(found, dir)
			}
		}
	}

	return found, nil
}

// Adopt records every disk that Unnamed returns, from the record beside it, and returns the names: an image's ID, a
// base's name. Images come in the order of their bakes. It does not restore parameters and events. The error names
// disks without a usable record; the others are adopted all the same.
func (s *Store) Adopt(ctx context.Context) ([]string, error) {
	dirs, err := s.Unnamed(ctx)
	if err != nil {
		return nil, err
	}

	var adopted []string
	var images []image.Image
	for _, dir := range dirs {
		if filepath.Base(filepath.Dir(dir)) == imagesDir {
			img, readErr := readBeside[image.Image](dir)
			err = errors.Join(err, readErr)
			if readErr == nil && img.ID != filepath.Base(dir) {
				err = errors.Join(err, fmt.Errorf("adopt %s: its record is of image %q", dir, img.ID))
			} else if readErr == nil {
				images = append(images, img)
			}
			continue
		}

		name, adoptErr := s.adoptBase(ctx, dir)
		err = errors.Join(err, adoptErr)

		if adoptErr == nil {
			adopted = append(adopted, name)
		}
	}

	slices.SortFunc(images, func(a, b image.Image) int { return a.Created.Compare(b.Created) })

	for _, img := range images {
		img.Disk = filepath.Join(s.dir, imagesDir, img.ID, diskFile)
		adoptErr := s.adoptImage(ctx, img)
		err = errors.Join(err, adoptErr)
		if adoptErr == nil {
			adopted = append(adopted, img.ID)
		}
	}

	return adopted, explain(s.dir, err)
}

func (s *Store) adoptImage(ctx context.Context, img image.Image) error {
	if err := s.checkImage(img); err != nil {
		return err
	}
	record, err := json.Marshal(mapPaths(img, s.relative))
	if err != nil {
		return fmt.Errorf("adopt image %s: %w", img.ID, err)
	}
	return s.transact(ctx, func(tx *sql.Tx) error { return insertImage(ctx, tx, img, record) })
}

// adoptBase leaves a base alone that took the name meanwhile: it is newer.
func (s *Store) adoptBase(ctx context.Context, dir string) (string, error) {
	base, err := readBeside[image.Base](dir)
	if err != nil {
		return "", err
	}
	if base.SHA256 != filepath.Base(dir) {
		return "", fmt.Errorf("adopt %s: its record is of the disk %q", dir, base.SHA256)
	}
	if _, err := s.Base(ctx, base.Name); err == nil {
		return "", fmt.Errorf("adopt %s: a newer base is named %s: remove that one first, or remove the directory", dir, base.Name)
	}

	base.Disk = filepath.Join(dir, diskFile)
	return base.Name, s.AddBase(ctx, base)
}

// readBeside reads the record beside a disk. It follows no link.
func readBeside[T any](dir string) (record T, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return record, fmt.Errorf("adopt disk: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()

	file, err := root.Open(recordFile)
	if err != nil {
		return record, fmt.Errorf("adopt %s: there is no record beside the disk, so it can only be pulled as a base or removed by hand: %w", dir, err)
	}
	text, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return record, fmt.Errorf("adopt %s: %w", dir, err)
	}

	if err := json.Unmarshal(text, &record); err != nil {
		return record, fmt.Errorf("adopt %s: read its record: %w", dir, err)
	}
	return record, nil
}
