// Package local is this machine's answer to what AWS offers a bake: an image store for AMIs, a parameter store for SSM,
// an event log for SNS, and a directory for a bucket.
//
// Everything lies in one data directory that any number of processes may use at once:
//
//	.image-builder       says that the directory is ours; without it, one that is not empty is refused
//	store.db             images, parameters, events, bases (SQLite)
//	bases/<sha256>/      disk.raw, what bakes start from, and record.json
//	images/<id>/         disk.raw, what bakes yield, and record.json
//	logs/<id>/           the log of each step, also of the newest bakes that failed
//	pulls/<snapshot>/    the part of an AMI's disk that was downloaded, held by a lock; the next pull continues it
//	publications/<id>-*  what an upload of an image has sent; the next publish of it continues
//	runs/<id>/           what a running bake works on, held by a lock on the directory
//
// A directory counts only if a row of store.db names it, and a row is written only when its directory is complete. So
// a process killed at any moment leaves either the whole image or files that no row names and no process locks;
// Recover, which Open calls, clears the latter. Disks that were committed and lost their row are kept: see Adopt. Only
// names that the package makes are removed, and no link is followed. It never looks into a disk, and never prints.
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
	dir  string
	root *os.Root // of dir: removals stay beneath it
	db   *sql.DB
	now  func() time.Time
	// reached is called after each step of a commit or a removal; see StopVariable.
	reached func(step string)
}

// Open opens the data directory at dir, creating it if it does not exist, and clears what killed processes left
// there.
func Open(ctx context.Context, dir string, now func() time.Time) (*Store, error) {
	return openWithin(ctx, dir, now, busyTimeout)
}

// openWithin opens a data directory whose transactions wait at most patience for another process's.
func openWithin(ctx context.Context, dir string, now func() time.Time, patience time.Duration) (*Store, error) {
	dir, err := prepare(ctx, dir)
	if err != nil {
		return nil, explain(dir, &placeError{err})
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, explain(dir, &placeError{err})
	}

	s := &Store{dir: dir, root: root, now: now, reached: stopAt(os.Getenv(StopVariable))}
	s.db, err = connect(filepath.Join(dir, storeFile), patience)
	if err != nil {
		return nil, errors.Join(explain(dir, err), root.Close())
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

// Close closes the store. Runs that are still open stay locked.
func (s *Store) Close() error {
	if err := errors.Join(s.db.Close(), s.root.Close()); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// connect opens the database. Transactions take the write lock when they begin, so that they wait instead of failing
// halfway; a commit is on the drive when it returns. The journal is a file that stays, so it has its room even when
// the drive is full: a write-ahead log could not even be read then.
func connect(file string, patience time.Duration) (*sql.DB, error) {
	options := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "journal_mode(PERSIST)", "synchronous(FULL)"},
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

// timestamp is the format of stored times: UTC, RFC 3339 with nanoseconds.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
