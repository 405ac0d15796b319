package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLogsOfOldFailuresGo(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()

	// the oldest are of an image, whose row may be lost, and of a bake that runs
	logs := []string{"img-aaaaaaaaaaaaaaaaa", "img-bbbbbbbbbbbbbbbbb"}
	for _, dir := range []string{filepath.Join(imagesDir, logs[0]), filepath.Join(runsDir, logs[1])} {
		if err := os.MkdirAll(filepath.Join(store.Dir(), dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i := range keptLogs + 3 {
		logs = append(logs, fmt.Sprintf("img-%017d", i))
	}

	start := time.Now()
	for i, name := range logs {
		dir := store.Logs(name)
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chtimes(dir, start, start.Add(time.Duration(i)*time.Minute))); err != nil {
			t.Fatal(err)
		}
	}

	run, err := store.NewRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()

	left, err := store.readNames(logsDir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(left)
	want := slices.Sorted(slices.Values(slices.Delete(logs, 2, 5)))
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("logs that are left, without the 3 of the oldest failures (-want +got)\n%s", diff)
	}
}

func TestReadingRemovesNoLogs(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()

	for i := range keptLogs + 3 {
		if err := os.MkdirAll(store.Logs(fmt.Sprintf("img-%017d", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	expectFiles(t, filepath.Join(open(t, store.Dir()).Dir(), logsDir), keptLogs+3)
}
