package bootmap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/disk"
)

// Watch shows a disk to a machine, hears its console, and notes both. Its methods may be called at any time.
type Watch struct {
	disk    *os.File
	size    int64
	storage blockserver.Storage
	server  *blockserver.Server
	console *Recorder
}

// NewWatch opens the disk at path, whose blocks are as slow as storage says. The caller closes the Watch when the machine is gone.
func NewWatch(path string, storage blockserver.Storage) (*Watch, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trace boot: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("trace boot: %w", err), file.Close())
	}
	return &Watch{
		disk: file, size: info.Size(), storage: storage, console: NewRecorder(time.Now), server: blockserver.New(file, info.Size(), storage),
	}, nil
}

// Blocks opens a stream of the disk's blocks for a machine that is switched on now.
func (w *Watch) Blocks() (*os.File, error) { return w.server.Connect() }

// Console is where the machine's console goes.
func (w *Watch) Console() io.Writer { return w.console }

// Seen is what was seen so far of the machine that was switched on last. When its user could log in is not known here.
func (w *Watch) Seen() Boot {
	started := w.server.Started()
	return Boot{Reads: w.server.Reads(), Console: w.console.Lines(started), Size: w.size, Storage: w.storage.Name, Recorded: started.UTC()}
}

// Close ends the service, and returns when the disk is not read any more. A nil Watch has nothing to close.
func (w *Watch) Close() error {
	if w == nil {
		return nil
	}
	w.server.Close()
	return w.disk.Close()
}

// Lying says what lies on the disk at path, as far as it can be read: an error says what is missing. Uses may be nil.
func Lying(ctx context.Context, path string) (Uses, []UnitName, error) {
	found, err := disk.UsesOf(ctx, path)
	var names []UnitName
	err = errors.Join(err, disk.Inspect(ctx, path, func(tree *os.Root) error {
		names = UnitNames(tree.FS())
		return nil
	}))
	if found == nil {
		return nil, names, err // a nil *Uses must not become Uses
	}
	return found, names, err
}
