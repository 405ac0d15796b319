package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"image-builder/internal/filelock"
)

// Discard deletes the snapshot of an upload that no later run will continue, and forgets the journal at path. It
// returns the snapshot's ID; "" if none was started. The error is ErrBusy while another process uploads.
func Discard(ctx context.Context, catalog Catalog, bounds Bounds, path string) (id string, err error) {
	unlock, err := lockSent(path + ".sent")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()

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

// lockSent locks the list of what was sent. If there is none, no process uploads.
func lockSent(path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("discard upload: %w", err)
	}

	lock, err := filelock.Exclusive(file)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, errors.Join(ErrBusy, file.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("discard upload: %w", err), file.Close())
	}

	return lock.Close, nil
}
