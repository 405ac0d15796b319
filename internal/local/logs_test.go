package local

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLogsOfOldFailuresGo(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()

	start := time.Now()
	for i := range keptLogs + 3 {
		dir := store.Logs(fmt.Sprintf("img-%017d", i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, start, start.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}

	expectFiles(t, filepath.Join(open(t, store.Dir()).Dir(), logsDir), keptLogs+3) // reading removes none
	run, err := store.NewRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()

	left, err := os.ReadDir(filepath.Join(store.Dir(), logsDir))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != keptLogs || left[0].Name() != "img-00000000000000003" {
		t.Errorf("%d logs are left, the oldest %s; want %d, and the 3 oldest gone", len(left), left[0].Name(), keptLogs)
	}
}
