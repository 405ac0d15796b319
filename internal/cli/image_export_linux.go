package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/filelock"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/progress"
)

// ImageExportCmd is `image export`.
type ImageExportCmd struct {
	ID     string `arg:"" help:"Image, a unique prefix of its ID, or latest." placeholder:"ID"`
	File   string `arg:"" help:"File to write." type:"path" placeholder:"FILE"`
	Format string `help:"raw or qcow2." enum:"raw,qcow2" default:"raw"`
	Force  bool   `help:"Replace an existing file."`
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

		watch := env.watcher()
		err = c.export(ctx, img, watch.Report)
		watch.Close()
		if err != nil {
			return err
		}

		return env.result(map[string]string{"id": img.ID, "file": c.File, "format": c.Format}, c.File, nil)
	})
}

// check makes all checks before anything is written.
func (c *ImageExportCmd) check() error {
	info, err := os.Stat(c.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fault.New(fault.BadInput, fmt.Errorf("export to %s: %w", c.File, err), "")
	case !info.Mode().IsRegular():
		return fault.New(fault.BadInput, fmt.Errorf("export to %s: it is not a regular file", c.File), "name a file")
	case !c.Force:
		return fault.New(fault.BadInput, fmt.Errorf("export to %s: it exists", c.File), "name another file, or replace it with --force")
	}

	return nil
}

// exportPrefix starts the name of an export's working directory, beside the target file.
const exportPrefix = ".image-builder-export-"

// workDirTries bounds how often an export makes its directory again because another export took it for remains.
const workDirTries = 20

// workDir makes an export's working directory, locked until the returned lock is closed, and removes those that
// killed exports left beside it.
func workDir(beside string) (string, *filelock.Lock, error) {
	if err := removeRemains(beside); err != nil {
		return "", nil, err
	}

	for tries := 1; ; tries++ {
		dir, err := os.MkdirTemp(beside, exportPrefix)
		if err != nil {
			return "", nil, fmt.Errorf("export disk: %w", err)
		}
		lock, err := lockWork(dir)
		if err == nil {
			return dir, lock, nil
		}

		// until it was locked, another export may have taken it for remains
		err = errors.Join(fmt.Errorf("export disk: %w", err), os.RemoveAll(dir))
		taken := errors.Is(err, fs.ErrNotExist) || errors.Is(err, filelock.ErrHeld)
		if !taken || tries == workDirTries {
			return "", nil, err
		}
	}
}

// lockWork locks a directory. The kernel releases the lock when the process ends.
func lockWork(dir string) (*filelock.Lock, error) {
	file, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	lock, err := filelock.Exclusive(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}

	// its former holder may have removed it
	if _, err := os.Lstat(dir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// removeRemains removes what killed exports left in a directory: only directories with an export's name, that no
// process locks and that contain nothing but the disk.
func removeRemains(beside string) error {
	entries, err := os.ReadDir(beside)
	if err != nil {
		return fmt.Errorf("export disk: %w", err)
	}

	for _, entry := range entries {
		number, ours := strings.CutPrefix(entry.Name(), exportPrefix)
		if _, err := strconv.ParseUint(number, 10, 64); !ours || err != nil || !entry.IsDir() {
			continue
		}
		dir := filepath.Join(beside, entry.Name())
		lock, err := lockWork(dir)
		if err != nil {
			continue // another export works there, or it belongs to another user
		}

		// A directory with any other content stays, and does not fail the export.
		if err := os.Remove(filepath.Join(dir, "disk")); err == nil || errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(dir)
		}

		if err := lock.Close(); err != nil {
			return fmt.Errorf("export disk: %w", err)
		}
	}

	return nil
}

// export writes beside the file and then renames, so that no reader sees half a disk under its name.
func (c *ImageExportCmd) export(ctx context.Context, img image.Image, report progress.Func) (err error) {
	defer report.Stage("export")()
	dir, lock, err := workDir(filepath.Dir(c.File))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir), lock.Close()) }()

	written := filepath.Join(dir, "disk")
	write := disk.Clone

	if c.Format == "qcow2" {
		write = disk.ExportQCOW2
	}

	err = write(ctx, written, img.Disk, func(done, total int64) {
		report.Send(progress.Event{Kind: progress.Bytes, Stage: "export", Done: done, Total: total})
	})
	if err != nil {
		return err
	}

	return c.place(written)
}

// place gives the file its name. A link would not replace a file that appeared meanwhile; a rename also works on
// filesystems without links.
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
