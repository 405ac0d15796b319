package bake

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"image-builder/internal/image"
)

// What a disk reads ahead is written before the disk is searched and made read-only; a bake that failed has nothing to read ahead.
func TestDiskIsSealedWithWhatItReadsAhead(t *testing.T) {
	t.Parallel()
	d := built(t, nil)
	text := "harmless"
	b := Bake{Now: time.Now, Prefetch: func(_ context.Context, disk, dir string) (image.Prefetch, error) {
		if disk != d.disk() || dir != d.Dir {
			t.Errorf("asked for %s, with %s", disk, dir)
		}
		filled(t, d, func(tree string) { put(t, filepath.Join(tree, "list"), text) })
		return image.Prefetch{Runs: 3}, os.Remove(filepath.Join(d.Dir, "tree"))
	}}

	ahead, search, err := b.finish(t.Context(), d, false)
	if err != nil || ahead == nil || ahead.Runs != 3 || search == nil {
		t.Fatalf("%+v, %+v, %v", ahead, search, err)
	}
	if info, err := os.Stat(d.disk()); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v", info.Mode(), err)
	}

	text = token
	if _, _, err := b.finish(t.Context(), d, false); !errors.As(err, new(*LeakError)) {
		t.Errorf("a secret among what is read ahead: %v", err)
	}

	b.Prefetch = func(context.Context, string, string) (image.Prefetch, error) {
		t.Error("a disk whose bake failed is booted")
		return image.Prefetch{}, nil
	}
	if ahead, _, _ := b.finish(t.Context(), d, true); ahead != nil {
		t.Errorf("%+v", ahead)
	}
}
