package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Discard deletes the snapshot of an upload that no later run will continue, and forgets the journal at path. It
// returns the snapshot's ID; "" if none was started. The error is ErrBusy while another process uploads.
func Discard(ctx context.Context, catalog Catalog, bounds Bounds, path string) (string, error) {
	lock, err := os.OpenFile(path+".sent", os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err == nil {
		defer lock.Close()
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}

	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return "", ErrBusy
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("discard upload: %w", err)
	}

	var left head
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &left)
	}

	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("discard upload: %w", err)
	}

	if left.Snapshot != "" {
		calls := &caller{bounds: bounds, window: newWindow(DefaultPace)}
		err := calls.call(ctx, "delete abandoned "+left.Snapshot, func(ctx context.Context) error {
			return catalog.DeleteSnapshot(ctx, left.Snapshot)
		})
		if err != nil {
			return "", err
		}
	}

	return left.Snapshot, Forget(path)
}
