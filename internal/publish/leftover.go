package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"image-builder/internal/snapshot"
)

// journalName matches the file name of a journal: the image's ID and the region.
var journalName = regexp.MustCompile(`^(img-[0-9a-f]{17})-(.+)$`)

// clear deletes the snapshots of interrupted publications that cannot be continued, because their image was removed.
// What cannot be deleted is noted, and does not keep this publication.
func (p Publisher) clear(ctx context.Context, region string) error {
	if p.Known == nil {
		return nil
	}
	entries, err := os.ReadDir(p.Journals)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for interrupted publications: %w", err)
	}

	for _, entry := range entries {
		found := journalName.FindStringSubmatch(entry.Name())
		if found == nil || found[2] != region {
			continue
		}
		known, err := p.Known(ctx, found[1])
		if err != nil {
			return err
		}
		if !known {
			p.discard(ctx, found[1], filepath.Join(p.Journals, entry.Name()))
		}
	}

	return nil
}

func (p Publisher) discard(ctx context.Context, id, journal string) {
	deleted, err := snapshot.Discard(ctx, p.Snapshots, p.Bounds, journal)
	switch {
	case errors.Is(err, snapshot.ErrBusy):
		return
	case err != nil:
		p.note("the publication of %s was interrupted, and the image was removed: %v", id, err)
		return
	case deleted != "":
		p.note("deleted %s, which the publication of %s left: the image was removed", deleted, id)
	}

	_ = os.Remove(journal + digestsSuffix) // it is there only if the disk had no digests of its own
}
