package local

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
			spoil: func(_ *testing.T, dir string) error {
				return errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, storeFile), []byte(strings.Repeat("prose ", 999)), 0o600))
			},
			error: "not a database", hint: "not a store or is damaged",
		},
		"a link to nowhere": {
			spoil: func(_ *testing.T, dir string) error { return os.Symlink("/proc/nowhere", dir) },
			error: "create data directory", hint: "a directory that this user can make",
		},
		"a newer schema":         {spoil: newerSchema, error: "schema 99 is newer than this program knows (1)", hint: "--data-dir"},
		"a full disk":            {spoil: fullDisk, error: "disk is full", hint: "free space under"},
		"a read-only filesystem": {spoil: readOnly, error: "read-only file system", hint: "writable filesystem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			if err := test.spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), dir, clock)
			fault := (*MachineError)(nil)
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), test.error) || !strings.Contains(fault.Hint(), test.hint) {
				t.Fatalf("Open: %v (%+v)", err, fault)
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
