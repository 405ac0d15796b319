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
	// The calls that are answered must make it within one attempt, on a busy machine too.
	bounds := hurried
	bounds.Attempt = 10 * time.Second
	bounds.Total = bounds.Attempt

	up := a.upload(filled(t, 20), "unheard", nil)
	up.Bounds = bounds
	d := a.download(newLocal(t, snapshot.GiB), id, "")
	d.Bounds = bounds
	uploaded := make(chan error, 1)
	go func() {
		_, err := up.Run(t.Context())
		uploaded <- err
	}()
	_, downloadErr := d.Run(t.Context())

	for what, err := range map[string]error{"send block ": <-uploaded, "get block ": downloadErr} {
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "no answer within 10s") {
			t.Errorf("got %v, want an error that says %q", err, what)
		}
	}

	a.Disturb("ebs", nil)
	up.Bounds = hurried
	if done, err := up.Run(t.Context()); err != nil || done.Blocks != 20 {
		t.Errorf("continued: %+v, %v", done, err)
	}
}
