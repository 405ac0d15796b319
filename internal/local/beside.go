package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Beside each disk lies its record, so that a lost database loses no image. The record's file name shows the progress
// of a commit or a removal. An uncommitted record without a row is what a killed process left, and is removed with
// its disk. A record under its final name was committed: if its row is missing, the database was lost and the disk is
// kept.
const (
	recordFile      = "record.json"
	uncommittedFile = "record.json.uncommitted"
)

// writeBeside writes a record into a directory that is not committed yet.
func writeBeside(dir string, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, uncommittedFile), text, 0o600); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

// settle gives the record its final name, after the row was committed. It leaves a record alone that has it already.
func settle(dir string) error {
	err := os.Rename(filepath.Join(dir, uncommittedFile), filepath.Join(dir, recordFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("settle record: %w", err)
	}
	return nil
}

// unsettle marks a directory whose row is about to be deleted. A disk without a record gets an empty one. Neither
// needs room on most file systems; if it does and the disk is full, the removal continues without the mark.
func unsettle(dir string) error {
	mark := filepath.Join(dir, uncommittedFile)
	err := os.Rename(filepath.Join(dir, recordFile), mark)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.WriteFile(mark, nil, 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("mark disk for removal: %w", err)
	}
	return nil
}

// isUncommitted reports whether a commit or a removal of the directory's disk was cut off.
func isUncommitted(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, uncommittedFile))
	return err == nil
}
