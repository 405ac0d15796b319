package local

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// scanRecord reads a row of one JSON column.
func scanRecord(row scanner, record any) error {
	text := ""
	if err := row.Scan(&text); err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), record)
}

// relative shortens a path inside the data directory, so that records survive when the directory moves.
func (s *Store) relative(path string) string {
	if inside, found := strings.CutPrefix(path, s.dir+"/"); found {
		return inside
	}
	return path
}

func (s *Store) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}
