package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"image-builder/internal/fault"
)

// migrations lead from an empty file to the present schema; the nth brings it to version n, kept in user_version. A
// released migration never changes: later ones are appended.
//
// Records are JSON, because no query looks into them; columns exist for what queries need. Paths in records are
// relative to the data directory, so that it can be moved.
var migrations = []string{
	`CREATE TABLE images (
		number INTEGER PRIMARY KEY,          -- in the order of their bakes
		id     TEXT NOT NULL UNIQUE,
		failed INTEGER NOT NULL,             -- 1: a disk kept although its bake failed
		record TEXT NOT NULL                 -- image.Image
	) STRICT;
	CREATE TABLE parameters (
		name    TEXT PRIMARY KEY,
		value   TEXT NOT NULL,
		version INTEGER NOT NULL,            -- counts from 1
		changed TEXT NOT NULL                -- RFC 3339
	) STRICT, WITHOUT ROWID;
	CREATE TABLE events (
		number  INTEGER PRIMARY KEY AUTOINCREMENT,
		created TEXT NOT NULL,               -- RFC 3339
		message TEXT NOT NULL                -- to the byte
	) STRICT;
	CREATE TABLE bases (
		name   TEXT PRIMARY KEY,
		sha256 TEXT NOT NULL,
		record TEXT NOT NULL                 -- image.Base
	) STRICT, WITHOUT ROWID;
	CREATE INDEX bases_by_disk ON bases (sha256);`,
	`CREATE TABLE amis (
		image  TEXT NOT NULL,                -- images.id
		region TEXT NOT NULL,
		ami    TEXT NOT NULL,
		record TEXT NOT NULL,                -- image.Published
		PRIMARY KEY (image, region)
	) STRICT, WITHOUT ROWID;`,
}

// journalRoom is how many bytes the journal of a transaction has on the drive from the start: enough to remove an
// image from a store of thousands when the drive is full.
const journalRoom = 256 << 10

// migrate brings the schema to the present version. Several processes may try at once: the data directory's lock
// makes them take turns.
func (s *Store) migrate(ctx context.Context) (err error) {
	version, err := s.version(ctx)
	if err != nil || version == len(migrations) {
		return err
	}
	if version > len(migrations) {
		return fault.New(fault.BadMachine,
			fmt.Errorf("open %s: schema %d is newer than this program knows (%d)", filepath.Join(s.dir, storeFile), version, len(migrations)),
			"use the image-builder that wrote it, or another directory with --data-dir")
	}

	lock, err := waitLock(ctx, s.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()

	if err := s.transact(ctx, func(tx *sql.Tx) error { return upgrade(ctx, tx) }); err != nil {
		return err
	}
	return reserve(filepath.Join(s.dir, storeFile+"-journal"), journalRoom)
}

func (s *Store) version(ctx context.Context) (int, error) {
	version := 0
	if err := s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("read store version: %w", err)
	}
	return version, nil
}

// upgrade reads the version again: another process may have upgraded while this one waited.
func upgrade(ctx context.Context, tx *sql.Tx) error {
	version := 0
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read store version: %w", err)
	}

	for ; version < len(migrations); version++ {
		statements := fmt.Sprintf("%s PRAGMA user_version = %d;", migrations[version], version+1)
		if _, err := tx.ExecContext(ctx, statements); err != nil {
			return fmt.Errorf("migrate store to schema %d: %w", version+1, err)
		}
	}

	return nil
}
