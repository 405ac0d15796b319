package snapshot_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"image-builder/internal/snapshot"
	"image-builder/internal/testbed/wire"
)

// A service that no longer answers ends the upload with what was tried, and the download too: nothing hangs.
func TestSilenceEnds(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	l := filled(t, 20)
	id := a.mustUpload(t, l, "spoken", nil).Snapshot
	a.Disturb("ebs", func(r *http.Request) wire.Disturbance {
		if strings.Contains(r.URL.Path, "/blocks/") {
			return wire.Silence
		}
		return wire.Calm
	})
	bounds := hurried
	bounds.Attempt = 20 * time.Millisecond
	bounds.Total = 100 * time.Millisecond

	up := a.upload(filled(t, 20), "unheard", nil)
	up.Bounds = bounds
	_, uploadErr := up.Run(t.Context())

	down := newLocal(t, snapshot.GiB)
	d := a.download(down, id, "")
	d.Bounds = bounds
	_, downloadErr := d.Run(t.Context())

	for what, err := range map[string]error{"send block ": uploadErr, "get block ": downloadErr} {
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "no answer within 20ms") {
			t.Errorf("got %v, want an error that says %q", err, what)
		}
	}

	a.Disturb("ebs", nil)
	up.Bounds = hurried
	if done, err := up.Run(t.Context()); err != nil || done.Blocks != 20 {
		t.Errorf("continued: %+v, %v", done, err)
	}
}
