package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"image-builder/internal/disk"
	"image-builder/internal/mountns"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/nspawn"
)

// shellStop bounds how long letting go of the disk takes after the shell.
const shellStop = time.Minute

// ImageShellCmd is `image shell`.
type ImageShellCmd struct {
	ID string `arg:"" help:"Image, including one kept with bake --keep-failed." placeholder:"ID"`
}

// Help is what --help adds.
func (c *ImageShellCmd) Help() string {
	return `Gives a root shell in a copy of the image's disk, as the bake left it. What is changed there is thrown away.

Example:
  image-builder image shell img-3f0c9a54be6d71e08`
}

// Run opens the shell.
func (c *ImageShellCmd) Run(ctx context.Context, env *Env) (err error) {
	if err := mountns.Enter(); err != nil {
		return err
	}
	if err := nspawn.Preflight(ctx); err != nil {
		return err
	}

	store, err := env.openStore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	img, err := store.Image(ctx, c.ID)
	if err != nil {
		return err
	}
	run, err := store.NewRun(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()

	return openShell(ctx, img.Disk, run.Dir)
}

// openShell runs a shell in a copy of the disk. How the shell ends is its user's affair.
func openShell(ctx context.Context, source, dir string) (err error) {
	copied := filepath.Join(dir, "disk.raw")
	if err := disk.Clone(ctx, copied, source, nil); err != nil {
		return fmt.Errorf("copy disk: %w", err)
	}
	machine, err := nspawn.Start(ctx, nspawn.Config{Disk: copied, WorkDir: dir})
	if err != nil {
		return fmt.Errorf("start sandbox: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shellStop)
		defer cancel()
		err = errors.Join(err, machine.Stop(ctx))
	}()

	err = machine.Shell(ctx, []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"})
	var exit sandbox.ExitError
	if errors.As(err, &exit) {
		return nil
	}

	return err
}
