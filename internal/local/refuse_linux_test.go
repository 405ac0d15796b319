package local

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/fault"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(t *testing.T, dir string) error
		error string
		hint  string
	}{
		"a file": {
			spoil: func(_ *testing.T, dir string) error { return os.WriteFile(dir, nil, 0o600) },
			error: "not a directory", hint: "must be a directory",
		},
		"something else's file": {
			spoil: func(t *testing.T, dir string) error {
				t.Helper()
				open(t, dir)
				return errors.Join(os.WriteFile(filepath.Join(dir, storeFile), []byte(strings.Repeat("prose ", 999)), 0o600))
			},
			error: "not a database", hint: "not a store or is damaged",
		},
		"another user's project": {
			spoil: func(_ *testing.T, dir string) error { return os.MkdirAll(filepath.Join(dir, "runs", "exp1"), 0o700) },
			error: "it is not empty (it holds runs)", hint: "empty or new directory",
		},
		"a link for a part": {
			spoil: func(t *testing.T, dir string) error {
				t.Helper()
				open(t, dir)
				return errors.Join(os.Remove(filepath.Join(dir, runsDir)), os.Symlink(t.TempDir(), filepath.Join(dir, runsDir)))
			},
			error: "links are not followed", hint: "remove",
		},
		"a link to nowhere": {
			spoil: func(_ *testing.T, dir string) error { return os.Symlink("/proc/nowhere", dir) },
			error: "create data directory", hint: "a directory that this user can make",
		},
		"a newer schema":         {spoil: newerSchema, error: "schema 99 is newer than this program knows (2)", hint: "--data-dir"},
		"a full disk":            {spoil: fullDisk, error: "", hint: "free space under"},
		"a read-only filesystem": {spoil: readOnly, error: "read-only file system", hint: "writable filesystem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			if err := test.spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), dir, clock)
			if fault.ClassOf(err) != fault.BadMachine || !strings.Contains(err.Error(), test.error) || !strings.Contains(fault.HintOf(err), test.hint) {
				t.Fatalf("Open: %v (%s)", err, fault.HintOf(err))
			}
		})
	}
}

func readOnly(t *testing.T, dir string) error {
	t.Helper()
	return mountTmpfs(t, dir, "ro")
}

func newerSchema(t *testing.T, dir string) error {
	t.Helper()
	open(t, dir)
	db, err := sql.Open("sqlite", filepath.Join(dir, storeFile))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(t.Context(), "PRAGMA user_version = 99")
	return errors.Join(err, db.Close())
}
