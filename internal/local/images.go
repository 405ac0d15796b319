package local

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// imageID is the shape of image.NewID. IDs are directory names: nothing else may become one.
var imageID = regexp.MustCompile(`^img-[0-9a-f]{17}$`)

// record makes an image visible whose files are complete in images/<id>: in one transaction the image can be found,
// its output parameter names it and its NewImage event exists. A failed image gets neither parameter nor event.
// Run.Commit moves the files there and calls record.
func (s *Store) record(ctx context.Context, img image.Image) error {
	if err := s.checkImage(img); err != nil {
		return err
	}
	record, err := json.Marshal(mapPaths(img, s.relative))
	if err != nil {
		return fmt.Errorf("record image %s: %w", img.ID, err)
	}

	err = s.transact(ctx, func(tx *sql.Tx) error {
		if err := insertImage(ctx, tx, img, record); err != nil {
			return err
		}
		if err := s.announce(ctx, tx, img); err != nil {
			return err
		}
		s.reached("rows written")
		return nil
	})

	return explain(s.dir, err)
}

func insertImage(ctx context.Context, tx *sql.Tx, img image.Image, record []byte) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO images (id, failed, record) VALUES (?, ?, ?)", img.ID, img.Failed != "", string(record))
	if err != nil {
		return fmt.Errorf("record image %s: %w", img.ID, err)
	}
	return nil
}

// announce writes the output parameter, then the event: a reader of the event finds the parameter.
func (s *Store) announce(ctx context.Context, tx *sql.Tx, img image.Image) error {
	if img.Failed != "" {
		return nil
	}

	if img.Parameter != "" {
		if _, err := putParameter(ctx, tx, img.Parameter, img.ID, s.now()); err != nil {
			return err
		}
	}

	message, err := image.NewImage(img.ID)
	if err != nil {
		return err
	}

	return addEvent(ctx, tx, message, s.now())
}

func (s *Store) checkImage(img image.Image) error {
	if !imageID.MatchString(img.ID) {
		return fmt.Errorf("record image %q: an ID must be img- and 17 hexadecimal digits", img.ID)
	}
	if img.Parameter != "" {
		if err := CheckParameter(img.Parameter, img.ID); err != nil {
			return err
		}
	}
	return checkDisk(img.Disk, filepath.Join(s.dir, imagesDir, img.ID))
}

// checkDisk checks that a disk is a file in the directory where it belongs.
func checkDisk(disk, dir string) error {
	if filepath.Dir(disk) != dir {
		return fmt.Errorf("record disk %s: it must lie in %s", disk, dir)
	}
	info, err := os.Lstat(disk)
	if err != nil {
		return fmt.Errorf("record disk: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("record disk %s: it must be a regular file", disk)
	}

	return nil
}

// selectImages reads what scanImage takes.
const selectImages = `SELECT record, (SELECT json_group_array(json(record)) FROM amis WHERE amis.image = images.id) FROM images `

// Images returns all images, oldest first, including failed ones.
func (s *Store) Images(ctx context.Context) ([]image.Image, error) {
	return query(ctx, s.db, s.scanImage, selectImages+"ORDER BY number")
}

// Image finds an image by its ID, by a unique beginning of it (with or without "img-"), or by the word "latest": the
// newest one whose bake succeeded. The error is a MissingError if there is none.
func (s *Store) Image(ctx context.Context, name string) (image.Image, error) {
	if name == "latest" {
		found, err := query(ctx, s.db, s.scanImage, selectImages+"WHERE failed = 0 ORDER BY number DESC LIMIT 1")
		return theImage(name, found, err)
	}
	start := "img-" + strings.TrimPrefix(strings.ToLower(name), "img-")
	found, err := query(ctx, s.db, s.scanImage, selectImages+"WHERE substr(id, 1, ?) = ? ORDER BY number LIMIT 3", len(start), start)
	return theImage(name, found, err)
}

func theImage(name string, found []image.Image, err error) (image.Image, error) {
	switch {
	case err != nil:
		return image.Image{}, err
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return image.Image{}, fault.New(fault.Done, &MissingError{Kind: "image", Name: name}, "image-builder image list shows what there is")
	}

	return image.Image{}, fault.New(fault.Done,
		&MissingError{Kind: "image", Name: name, Why: fmt.Sprintf("several begin like that, such as %s and %s", found[0].ID, found[1].ID)},
		"write more of its ID")
}

// RemoveImage removes an image and its files. If parameters name it as their current value, the error is an
// InUseError, unless force is set; those parameters keep their value. If a bake starts from the image, the error is a
// BusyError. Bases and other images are not touched.
func (s *Store) RemoveImage(ctx context.Context, id string, force bool) (err error) {
	home := filepath.Join(s.dir, imagesDir, id)
	lock, err := s.lockToRemove("image "+id, home)
	if err != nil {
		return explain(s.dir, err)
	}
	defer func() { err = errors.Join(err, unlock(lock)) }()

	if err := unsettle(home); err != nil {
		return explain(s.dir, err)
	}
	s.reached("marked for removal")

	err = s.transact(ctx, func(tx *sql.Tx) error { return forgetImage(ctx, tx, id, force) })
	if err != nil {
		return explain(s.dir, errors.Join(err, settle(home)))
	}
	s.reached("row removed")

	_, err = s.discard(home)
	return explain(s.dir, errors.Join(err, s.root.RemoveAll(filepath.Join(logsDir, id))))
}

func forgetImage(ctx context.Context, tx *sql.Tx, id string, force bool) error {
	var names sql.NullString
	err := tx.QueryRowContext(ctx, "SELECT group_concat(name, char(10)) FROM parameters WHERE value = ?", id).Scan(&names)
	if err != nil {
		return fmt.Errorf("find parameters of image %s: %w", id, err)
	}
	if names.Valid && !force {
		return &InUseError{Image: id, Parameters: strings.Split(names.String, "\n")}
	}

	if _, err := tx.ExecContext(ctx, "DELETE FROM amis WHERE image = ?", id); err != nil {
		return fmt.Errorf("remove image %s: %w", id, err)
	}
	gone, err := tx.ExecContext(ctx, "DELETE FROM images WHERE id = ?", id)
	if err != nil {
		return fmt.Errorf("remove image %s: %w", id, err)
	}
	if rows, err := gone.RowsAffected(); err != nil || rows == 0 {
		return errors.Join(fault.New(fault.Done, &MissingError{Kind: "image", Name: id}, "image-builder image list shows what there is"), err)
	}

	return nil
}

func (s *Store) scanImage(row scanner) (image.Image, error) {
	var img image.Image
	record := ""
	amis := ""
	err := row.Scan(&record, &amis)
	if err == nil {
		err = errors.Join(json.Unmarshal([]byte(record), &img), json.Unmarshal([]byte(amis), &img.Published))
	}

	if err != nil {
		return image.Image{}, fmt.Errorf("read image: %w", err)
	}

	if len(img.Published) == 0 {
		img.Published = nil
	}

	slices.SortStableFunc(img.Published, func(a, b image.Published) int { return a.Created.Compare(b.Created) })
	return mapPaths(img, s.absolute), nil
}

// mapPaths returns the image with every path in it changed.
func mapPaths(img image.Image, change func(string) string) image.Image {
	img.Disk = change(img.Disk)
	img.Steps = mapLogs(img.Steps, change)
	if img.Proof != nil {
		proof := *img.Proof
		proof.Steps = mapLogs(proof.Steps, change)
		img.Proof = &proof
	}
	return img
}

func mapLogs(steps []image.Step, change func(string) string) []image.Step {
	steps = append([]image.Step(nil), steps...)
	for i := range steps {
		if steps[i].Log != "" {
			steps[i].Log = change(steps[i].Log)
		}
	}
	return steps
}
