package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/progress"
)

// ImageExportCmd is `image export`.
type ImageExportCmd struct {
	ID     string `arg:"" help:"Image, a beginning of its ID that no other has, or latest." placeholder:"ID"`
	File   string `arg:"" help:"File to write." type:"path" placeholder:"FILE"`
	Format string `help:"raw or qcow2." enum:"raw,qcow2" default:"raw"`
	Force  bool   `help:"Replace a file that is there."`
}

// Help is what --help adds.
func (c *ImageExportCmd) Help() string {
	return `Writes the disk with its holes, so that a file takes no more room than the image has data. The file appears when it
is complete. Prints its path.

Examples:
  image-builder image export latest agent.raw
  image-builder image export img-3f0c agent.qcow2 --format qcow2`
}

// Run exports.
func (c *ImageExportCmd) Run(ctx context.Context, env *Env) error {
	return env.withStore(ctx, func(store *local.Store) error {
		img, err := store.Image(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return err
		}

		watch := newWatcher(env)
		err = c.export(ctx, img, watch.Report)
		watch.Close()
		if err != nil {
			return err
		}

		return env.result(map[string]string{"id": img.ID, "file": c.File, "format": c.Format}, c.File, nil)
	})
}

// check looks before anything is written.
func (c *ImageExportCmd) check() error {
	info, err := os.Stat(c.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &ExitError{Code: BadInput, Err: fmt.Errorf("export to %s: %w", c.File, err)}
	case !info.Mode().IsRegular():
		return &ExitError{Code: BadInput, Err: fmt.Errorf("export to %s: it is not a regular file", c.File), Next: "name a file"}
	case !c.Force:
		return &ExitError{Code: BadInput, Err: fmt.Errorf("export to %s: it exists", c.File), Next: "name another file, or replace it with --force"}
	}

	return nil
}

// export writes beside the file and then renames, so that nobody finds half a disk under its name.
func (c *ImageExportCmd) export(ctx context.Context, img image.Image, report progress.Func) (err error) {
	defer report.Stage("export")()
	dir, err := os.MkdirTemp(filepath.Dir(c.File), ".image-builder-export-")
	if err != nil {
		return fmt.Errorf("export disk: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	written := filepath.Join(dir, "disk")
	write := disk.Clone

	if c.Format == "qcow2" {
		write = disk.ExportQCOW2
	}

	err = write(ctx, written, img.Disk, func(done, total int64) {
		report.Report(progress.Event{Kind: progress.Bytes, Stage: "export", Done: done, Total: total})
	})
	if err != nil {
		return err
	}

	return c.place(written)
}

// place gives the file its name. A link does not replace a file that came meanwhile; a rename works on filesystems
// without links, too.
func (c *ImageExportCmd) place(written string) error {
	err := errors.ErrUnsupported
	if !c.Force {
		err = os.Link(written, c.File)
	}

	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(written, c.File)
	}

	if err != nil {
		return fmt.Errorf("export disk: %w", err)
	}
	return nil
}
