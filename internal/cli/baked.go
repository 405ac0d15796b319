package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/preflight"
)

// bakesHere are the bakes in this machine's data directory, which may not exist: looking does not make it.
type bakesHere struct {
	dir string
	now func() time.Time
}

// Baked returns the newest image of a recipe's name that was baked here and did not fail.
func (b bakesHere) Baked(ctx context.Context, recipe string) (found preflight.Baked, err error) {
	missing := fmt.Errorf("find a bake of %s: %w", recipe, fs.ErrNotExist)
	if _, err := os.Stat(b.dir); err != nil || recipe == "" {
		return found, missing
	}
	store, err := local.Open(ctx, b.dir, b.now)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	images, err := store.Images(ctx)
	if err != nil {
		return found, err
	}
	bases, err := store.Bases(ctx)
	if err != nil {
		return found, err
	}

	newest := image.Image{}
	for _, one := range images {
		if one.Name == recipe && one.Failed == "" && one.Created.After(newest.Created) {
			newest = one
		}
	}

	at := slices.IndexFunc(bases, func(base image.Base) bool { return base.SHA256 != "" && base.SHA256 == newest.BaseSHA256 })
	if newest.ID == "" || at < 0 {
		return found, missing
	}
	return preflight.Baked{Image: newest.ID, Created: newest.Created, Added: max(0, newest.Data-bases[at].Data)}, nil
}
