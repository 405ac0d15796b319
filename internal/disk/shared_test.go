package disk

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestSharedIsWhatNothingWroteTo(t *testing.T) {
	t.Parallel()
	needRoot(t)

	for name, test := range map[string]struct {
		dir    string
		shares bool
	}{"a copy": {t.TempDir(), false}, "a clone that shares extents": {xfsDir(t), true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := filepath.Join(test.dir, "base")
			dst := filepath.Join(test.dir, "clone")
			write(t, src, string(bytes.Repeat([]byte("0123456789abcdef"), 8*mib/16)))
			if err := Clone(context.Background(), dst, src, nil); err != nil {
				t.Fatal(err)
			}

			base := reopen(t, src)
			clone := reopen(t, dst)

			written := []int64{0, 3*mib + 5, 8*mib - 1}
			for _, at := range written {
				if _, err := clone.WriteAt([]byte("x"), at); err != nil {
					t.Fatal(err)
				}
			}

			shared, err := Shared(clone, base)
			if err != nil {
				t.Fatal(err)
			}
			checkShared(t, shared, written, test.shares)
		})
	}
}

func checkShared(t *testing.T, shared []Extent, written []int64, shares bool) {
	t.Helper()
	total := int64(0)

	end := int64(0)
	for _, extent := range shared {
		if extent.Offset < end {
			t.Errorf("extent at %d begins before the end of the one before, %d", extent.Offset, end)
		}
		end = extent.Offset + extent.Length
		total += extent.Length
		for _, at := range written {
			if at >= extent.Offset && at < end {
				t.Errorf("byte %d was written, and %v is said to be shared", at, extent)
			}
		}
	}

	if (shares && total < 7*mib) || (!shares && total > 0) {
		t.Errorf("%d bytes are said to be shared: %v", total, shared)
	}
}

func reopen(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}
