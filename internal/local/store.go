// Package local is this machine's answer to what AWS offers a bake: an image store for AMIs, a parameter store for SSM,
// an event log for SNS, and a directory for a bucket.
//
// Everything lies in one data directory that any number of processes may use at once:
//
//	store.db             images, parameters, events, bases (SQLite)
//	bases/<sha256>/      disk.raw, what bakes start from
//	images/<id>/         disk.raw, what bakes yield
//	logs/<id>/           the log of each step, also of the newest bakes that failed
//	pulls/<snapshot>/    the part of an AMI's disk that was downloaded, held by a lock; the next pull continues it
//	runs/<id>/           what a running bake works on, held by a lock on the directory
//
// A directory counts only if a row of store.db names it, and a row is written only when its directory is complete. So
// a process killed at any moment leaves either the whole image or files that nobody names and nobody locks; Recover,
// which Open calls, clears the latter. The package never looks into a disk, and never prints.
package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// The parts of a data directory.
const (
	storeFile = "store.db"
	basesDir  = "bases"
	imagesDir = "images"
	runsDir   = "runs"
	logsDir   = "logs"
	diskFile  = "disk.raw"
)

// busyTimeout is how long a transaction waits for another process's; transactions take milliseconds.
const busyTimeout = 20 * time.Second

// cleanupTimeout bounds what is finished although the caller gave up.
const cleanupTimeout = 30 * time.Second

// Store is an open data directory.
type Store struct {
	dir string
	db  *sql.DB
	now func() time.Time
}

// Open opens the data directory at dir, creating it if it is absent, and clears what killed processes left there.
func Open(ctx context.Context, dir string, now func() time.Time) (*Store, error) {
	dir, err := prepare(dir)
	if err != nil {
		return nil, explain(dir, &placeError{err})
	}
	s := &Store{dir: dir, now: now}
	s.db, err = connect(filepath.Join(dir, storeFile))
	if err != nil {
		return nil, explain(dir, err)
	}

	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(explain(dir, err), s.Close())
	}

	if _, err := s.Recover(ctx); err != nil {
		return nil, errors.Join(explain(dir, err), s.Close())
	}
	return s, nil
}

// Dir returns the absolute path of the data directory.
func (s *Store) Dir() string { return s.dir }

// Close lets go of the store. Runs that are still open stay locked.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// prepare makes the data directory and its parts, readable by their owner only: disks hold password hashes.
func prepare(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return dir, fmt.Errorf("open data directory: %w", err)
	}

	for _, part := range []string{basesDir, imagesDir, runsDir, logsDir} {
		if err := os.MkdirAll(filepath.Join(absolute, part), 0o700); err != nil {
			return absolute, fmt.Errorf("create data directory: %w", err)
		}
	}

	// The kernel reports mounts and loop devices by their real path.
	absolute, err = filepath.EvalSymlinks(absolute)
	if err != nil {
		return absolute, fmt.Errorf("open data directory: %w", err)
	}

	return absolute, nil
}

// connect opens the database. Transactions take the write lock when they begin, so that they wait instead of failing
// halfway; a commit is on the drive when it returns.
func connect(file string) (*sql.DB, error) {
	options := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "synchronous(FULL)"},
	}
	name := url.URL{Scheme: "file", Path: file, RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}

	db.SetMaxOpenConns(1)
	return db, nil
}

// transact runs change in one transaction.
func (s *Store) transact(ctx context.Context, change func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := change(tx); err != nil {
		return errors.Join(err, rollback(tx))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}

	return nil
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back transaction: %w", err)
	}
	return nil
}

// timestamp is how times are kept: UTC, RFC 3339 with nanoseconds.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
