package boot

import (
	"context"
	"errors"
	"path/filepath"

	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
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
	uses, names, err := bootmap.Lying(ctx, config.Disk)
	if err != nil {
		b.Report.Send(progress.Event{Kind: progress.Note, Text: "the map names no files: " + err.Error()})
	}
	return bootmap.Make(seen, uses, names), result, nil
}

// Seen is Traced without a map: what was seen of the boot.
func (b Boot) Seen(ctx context.Context, config qemu.BootConfig, storage blockserver.Storage, log string) (seen bootmap.Boot, result qemu.BootResult, err error) {
	watch, err := bootmap.NewWatch(config.Disk, storage)
	if err != nil {
		return seen, result, err
	}
	defer func() { err = errors.Join(err, watch.Close()) }()

	config.Blocks = watch.Blocks
	config.Console = both(watch.Console(), config.Console)
	result, err = b.Logged(ctx, config, log)
	if err != nil {
		return seen, result, err
	}

	seen = watch.Seen()
	seen.Login = result.Elapsed
	seen.Accel = string(result.Accel)
	return seen, result, nil
}

// Watched boots the disk of an image that is being baked, in the disk's own directory, and returns what was seen. It writes the
// whole console to the file log.
func (b Boot) Watched(ctx context.Context, img image.Image, log string) (bootmap.Boot, error) {
	config := qemu.BootConfig{Disk: img.Disk, WorkDir: filepath.Dir(img.Disk), Arch: img.Arch}
	seen, _, err := b.Seen(ctx, config, blockserver.Storage{}, log)
	return seen, err
}
