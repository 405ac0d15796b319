package publish_test

import (
	"context"
	"os"
	"testing"

	"image-builder/internal/image"
	"image-builder/internal/publish"
	"image-builder/internal/snapshot"
)

// halting ends the context at the first block.
type halting struct {
	snapshot.Writer
	halt context.CancelFunc
}

func (h halting) Put(ctx context.Context, _ string, _ int64, _ []byte, _ snapshot.Digest) error {
	h.halt()
	return context.Cause(ctx)
}

// A snapshot that will never be completed, because its image was removed, is deleted by the next publication; one that
// can be continued stays.
func TestSnapshotsOfRemovedImagesAreDeleted(t *testing.T) {
	t.Parallel()
	a := newAccount(t, false)
	left := map[string]string{} // image → snapshot
	var gone string
	for range 2 {
		img := a.image
		img.ID = image.NewID()
		before := a.EBS.Snapshots()
		ctx, halt := context.WithCancel(t.Context())
		interrupted := a.Publisher
		interrupted.Writer = halting{a.Writer, halt}
		if _, err := interrupted.AMI(ctx, publish.Request{Image: img, Base: a.base}); err == nil {
			t.Fatal("it was not interrupted")
		}
		for _, id := range a.EBS.Snapshots()[len(before):] {
			left[img.ID] = id
		}
		gone = img.ID
	}

	a.Known = func(_ context.Context, id string) (bool, error) { return id != gone, nil }
	if _, err := a.AMI(t.Context(), publish.Request{Image: a.image, Base: a.base}); err != nil {
		t.Fatal(err)
	}
	for id, made := range left {
		if _, there := a.EBS.Snapshot(made); there == (id == gone) {
			t.Errorf("the snapshot %s of %s, removed %v, is there: %v", made, id, id == gone, there)
		}
	}
	if files, err := os.ReadDir(a.Journals); err != nil || len(files) != 3 { // head, sent blocks and digests of the one that stays
		t.Errorf("journals: %v, %v", files, err)
	}
}
