package local

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"syscall"

	"image-builder/internal/fault"
	"image-builder/internal/filelock"
	"image-builder/internal/image"
)

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Bases returns all bases by name.
func (s *Store) Bases(ctx context.Context) ([]image.Base, error) {
	return query(ctx, s.db, s.scanBase, "SELECT record FROM bases ORDER BY name")
}

// Base finds a base by name; the error is a MissingError if there is none.
func (s *Store) Base(ctx context.Context, name string) (image.Base, error) {
	found, err := query(ctx, s.db, s.scanBase, "SELECT record FROM bases WHERE name = ?", name)
	if err == nil && len(found) == 0 {
		err = fault.New(fault.Done, &MissingError{Kind: "base", Name: name}, "image-builder base list shows what there is; base build and base pull add one")
	}
	if err != nil {
		return image.Base{}, err
	}
	return found[0], nil
}

// CommitBase makes the run's disk.raw a base. The disk moves to bases/<sha256>, where equal disks are kept once, and
// the base's name now refers to it. The returned base has its new path.
func (r *Run) CommitBase(ctx context.Context, base image.Base) (image.Base, error) {
	if !sha256Hex.MatchString(base.SHA256) {
		return base, fmt.Errorf("commit base %s: %q is not a SHA-256 in hexadecimal digits", base.Name, base.SHA256)
	}
	home := filepath.Join(r.store.dir, basesDir, base.SHA256)
	base.Disk = filepath.Join(home, diskFile)

	beside := base
	beside.Disk = r.store.relative(base.Disk)
	if err := errors.Join(writeBeside(r.Dir, beside), r.flush()); err != nil {
		return base, explain(r.store.dir, err)
	}
	r.store.reached("flushed")

	err := r.move(home)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) {
		return base, r.store.AddBase(ctx, base)
	}
	if err != nil {
		return base, explain(r.store.dir, err)
	}

	r.store.reached("moved")
	if err := r.store.recordBase(ctx, base); err != nil {
		return base, errors.Join(err, r.moveBack(home))
	}

	if err := settle(home); err != nil {
		return base, explain(r.store.dir, err)
	}
	r.store.reached("settled")

	return base, nil
}

// AddBase gives a disk in bases/<sha256> a name, taking the name from the base that had it.
func (s *Store) AddBase(ctx context.Context, base image.Base) error {
	home := filepath.Dir(base.Disk)
	lock, err := waitLockAs(ctx, home, filelock.Shared)
	if err != nil {
		return explain(s.dir, fmt.Errorf("add base %s: %w", base.Name, err))
	}
	err = s.recordBase(ctx, base)
	if err == nil {
		err = explain(s.dir, settle(home))
	}
	return errors.Join(err, lock.Close())
}

// recordBase is called with a lock on the base's directory, so that no other process removes it meanwhile. The disk
// that had the name before is removed if no other name refers to it and no bake holds it.
func (s *Store) recordBase(ctx context.Context, base image.Base) error {
	if err := checkDisk(base.Disk, filepath.Join(s.dir, basesDir, base.SHA256)); err != nil {
		return err
	}
	base.Disk = s.relative(base.Disk)
	record, err := json.Marshal(base)
	if err != nil {
		return fmt.Errorf("record base %s: %w", base.Name, err)
	}

	former, err := s.unsettleFormer(ctx, base)
	if err != nil {
		return explain(s.dir, err)
	}
	s.reached("former marked")

	_, err = s.db.ExecContext(ctx, `INSERT INTO bases (name, sha256, record) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, record = excluded.record`, base.Name, base.SHA256, string(record))
	if err != nil {
		return explain(s.dir, fmt.Errorf("record base %s: %w", base.Name, err))
	}
	s.reached(Committed)

	if former != "" {
		_, err = s.clearUnnamed(ctx, basesDir, former)
	}

	return explain(s.dir, err)
}

// unsettleFormer marks the disk that loses its only name to the base, and returns its SHA-256; "" if there is none.
func (s *Store) unsettleFormer(ctx context.Context, base image.Base) (string, error) {
	former, err := s.Base(ctx, base.Name)
	if missing := (*MissingError)(nil); errors.As(err, &missing) {
		return "", nil
	}
	if err != nil || former.SHA256 == base.SHA256 {
		return "", err
	}

	names, err := s.countNames(ctx, former.SHA256)
	if err != nil || names > 1 {
		return "", err
	}

	return former.SHA256, unsettle(filepath.Join(s.dir, basesDir, former.SHA256))
}

func (s *Store) countNames(ctx context.Context, sha string) (int, error) {
	count := 0
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM bases WHERE sha256 = ?", sha).Scan(&count); err != nil {
		return 0, fmt.Errorf("count names of base: %w", err)
	}
	return count, nil
}

// RemoveBase removes a base, and its disk if no other name refers to it. Images baked from it stay. If a bake uses
// the disk, the error is a BusyError and nothing changes.
func (s *Store) RemoveBase(ctx context.Context, name string) (err error) {
	base, err := s.Base(ctx, name)
	if err != nil {
		return err
	}
	names, err := s.countNames(ctx, base.SHA256)
	if err != nil {
		return explain(s.dir, err)
	}

	home := filepath.Join(s.dir, basesDir, base.SHA256)

	if names == 1 {
		lock, err := s.lockToRemove("base "+name, home)
		if err != nil {
			return explain(s.dir, err)
		}
		err = errors.Join(unsettle(home), unlock(lock))
		if err != nil {
			return explain(s.dir, err)
		}
	}

	s.reached("marked for removal")

	if _, err := s.db.ExecContext(ctx, "DELETE FROM bases WHERE name = ?", name); err != nil {
		return explain(s.dir, fmt.Errorf("remove base %s: %w", name, err))
	}
	s.reached("row removed")

	_, err = s.clearUnnamed(ctx, basesDir, base.SHA256)
	return explain(s.dir, err)
}

func (s *Store) scanBase(row scanner) (image.Base, error) {
	var base image.Base
	if err := scanRecord(row, &base); err != nil {
		return image.Base{}, fmt.Errorf("read base: %w", err)
	}
	base.Disk = s.absolute(base.Disk)
	return base, nil
}

// hasRow reports whether a row names the directory. Call it with the directory's lock held, so that the answer cannot
// change.
func (s *Store) hasRow(ctx context.Context, part, name string) (bool, error) {
	statement := "SELECT 1 FROM images WHERE id = ?"
	if part == basesDir {
		statement = "SELECT 1 FROM bases WHERE sha256 = ?"
	}

	one := 0
	err := s.db.QueryRowContext(ctx, statement, name).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find %s of %s: %w", name, part, err)
	}

	return true, nil
}
