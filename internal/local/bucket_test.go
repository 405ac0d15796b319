package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func newBuckets(t *testing.T, keys ...string) (Buckets, string) {
	t.Helper()
	dir := t.TempDir()
	for _, key := range keys {
		path := filepath.Join(dir, key)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	return Buckets{"b": dir}, dir
}

func TestBucketGivesBackWhatWasPut(t *testing.T) {
	t.Parallel()
	buckets, dir := newBuckets(t)
	for _, text := range []string{"first", "second"} {
		if err := buckets.Put(t.Context(), "b", "deep/down/key", "", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		body, err := buckets.Get(t.Context(), "b", "deep/down/key", "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err := errors.Join(err, body.Close()); err != nil || string(got) != text {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}

	if left, _ := filepath.Glob(filepath.Join(dir, "deep/down/.*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestBucketKeepsToItsDirectory(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "key"), []byte("private"), 0o600); err != nil {
		t.Fatal(err)
	}
	buckets, dir := newBuckets(t, "inside")
	for link, target := range map[string]string{"file": outside + "/key", "dir": outside, "up": "../", "ok": "inside"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}

	for _, key := range []string{"file", "dir/key", "up/x", "../key", "/etc/passwd", "a/../../x", "", "."} {
		if body, err := buckets.Get(t.Context(), "b", key, ""); err == nil {
			body.Close()
			t.Errorf("get %q leads out", key)
		}
		if err := buckets.Put(t.Context(), "b", key, "", strings.NewReader("x")); err == nil && key != "file" {
			t.Errorf("put %q leads out", key)
		}
	}

	if text, err := os.ReadFile(filepath.Join(outside, "key")); err != nil || string(text) != "private" {
		t.Errorf("the file outside is %q, %v", text, err)
	}

	if body, err := buckets.Get(t.Context(), "b", "ok", ""); err != nil {
		t.Errorf("a link inside: %v", err)
	} else {
		body.Close()
	}
}

func TestBucketThatIsNotThere(t *testing.T) {
	t.Parallel()
	buckets, _ := newBuckets(t)
	_, err := buckets.Get(context.Background(), "other", "key", "")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "--bucket other=DIR") {
		t.Errorf("error is %v", err)
	}
	if _, err := buckets.Get(context.Background(), "b", "none", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}
