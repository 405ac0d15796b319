package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/sandbox/qemu"
)

// Traced is Logged, and records what the boot reads of the disk, whose blocks are as slow as storage says. A disk whose files
// cannot be read, as by anyone but root, yields a map without their names.
func (b Boot) Traced(ctx context.Context, config qemu.BootConfig, storage blockserver.Storage, log string) (bootmap.Map, qemu.BootResult, error) {
	seen, result, err := b.Seen(ctx, config, storage, log)
	if err != nil {
		return bootmap.Map{}, result, err
	}
	uses, names := b.lying(ctx, config.Disk)
	return bootmap.Make(seen, uses, names), result, nil
}

// Seen is Traced without a map: what was seen of the boot.
func (b Boot) Seen(ctx context.Context, config qemu.BootConfig, storage blockserver.Storage, log string) (bootmap.Boot, qemu.BootResult, error) {
	file, err := os.Open(config.Disk)
	if err != nil {
		return bootmap.Boot{}, qemu.BootResult{}, fmt.Errorf("trace boot: %w", err)
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return bootmap.Boot{}, qemu.BootResult{}, fmt.Errorf("trace boot: %w", err)
	}

	server := blockserver.New(file, info.Size(), storage)
	defer server.Close()
	console := bootmap.NewRecorder(time.Now)
	config.Blocks = server.Connect
	config.Console = both(console, config.Console)
	result, err := b.Logged(ctx, config, log)
	if err != nil {
		return bootmap.Boot{}, result, err
	}

	return bootmap.Boot{
		Reads: server.Reads(), Console: console.Lines(server.Started()), Size: info.Size(), Login: result.Elapsed,
		Storage: storage.Name, Accel: string(result.Accel), Recorded: server.Started().UTC(),
	}, result, nil
}

// Watched boots the disk of an image that is being baked, in the disk's own directory, and returns what was seen. It writes the
// whole console to the file log.
func (b Boot) Watched(ctx context.Context, img image.Image, log string) (bootmap.Boot, error) {
	config := qemu.BootConfig{Disk: img.Disk, WorkDir: filepath.Dir(img.Disk), Arch: img.Arch}
	seen, _, err := b.Seen(ctx, config, blockserver.Storage{}, log)
	return seen, err
}

// lying says what lies on a disk, as far as it can be read.
func (b Boot) lying(ctx context.Context, path string) (bootmap.Uses, []bootmap.UnitName) {
	uses, err := disk.UsesOf(ctx, path)
	var names []bootmap.UnitName
	err = errors.Join(err, disk.Inspect(ctx, path, func(tree *os.Root) error {
		names = bootmap.UnitNames(tree.FS())
		return nil
	}))
	if err != nil {
		b.Report.Send(progress.Event{Kind: progress.Note, Text: "the map names no files: " + err.Error()})
	}

	if uses == nil {
		return nil, names // a nil *Uses must not become Uses
	}
	return uses, names
}
