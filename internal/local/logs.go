package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// keptLogs is how many bakes without an image keep their logs: the newest ones.
const keptLogs = 20

// Logs is the directory for a bake's step logs. It stays if the bake leaves no image, so that a failure can be
// examined; RemoveImage removes it with the image, and NewRun removes those of old failures.
func (s *Store) Logs(id string) string { return filepath.Join(s.dir, logsDir, id) }

// clearLogs removes the logs of bakes that left no image, except the newest.
func (s *Store) clearLogs(ctx context.Context) ([]string, error) {
	dir := filepath.Join(s.dir, logsDir)
	names, err := s.readNames(logsDir)
	if err != nil || len(names) <= keptLogs {
		return nil, err
	}
	var unnamed []os.FileInfo
	for _, name := range names {
		_, noImage := os.Lstat(filepath.Join(s.dir, imagesDir, name)) // of a lost database, too
		_, notRunning := os.Stat(filepath.Join(s.dir, runsDir, name))
		if noImage == nil || notRunning == nil {
			continue // without a question to the database, which many images would make many
		}

		known, failed := s.hasRow(ctx, imagesDir, name)
		info, absent := os.Stat(filepath.Join(dir, name))
		err = errors.Join(err, failed)
		if !known && failed == nil && absent == nil {
			unnamed = append(unnamed, info)
		}
	}

	slices.SortFunc(unnamed, func(a, b os.FileInfo) int { return cmp.Compare(b.ModTime().UnixNano(), a.ModTime().UnixNano()) })
	var cleared []string
	for _, info := range unnamed[min(keptLogs, len(unnamed)):] {
		path := filepath.Join(dir, info.Name())
		if failed := s.root.RemoveAll(filepath.Join(logsDir, info.Name())); failed != nil {
			err = errors.Join(err, fmt.Errorf("remove logs: %w", failed))
			continue
		}
		cleared = append(cleared, "removed "+path)
	}

	return cleared, err
}
