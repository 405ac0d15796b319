package main

import (
	"context"

	"image-builder/attack/corpus"
)

// hideSecrets plants the corpus of credential files on a raw disk and compares the search with grep. An attempt is a
// value that grep finds; it landed if the search finds it too. The promise is 99 of 100.
func hideSecrets(ctx context.Context, l lab, c *count) error {
	result, err := corpus.Attack(ctx, l.dir)
	if err != nil {
		return err
	}

	c.tried = result.OnDisk
	c.landed = result.Found
	c.note("%d files in %d formats; grep finds %d of %d values, half of them in deleted files",
		result.Files, result.Formats, result.OnDisk, result.Planted)

	if len(result.Missed) > 0 {
		c.note("not found: %v", result.Missed)
	}

	if 100*result.Found < 99*result.OnDisk || 100*result.OnDisk < 99*result.Planted {
		c.broken = result.Planted - result.Found
	}

	return nil
}
