package nspawn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/guest"
)

// Run runs a command as root beside the init's services.
func (b *Booted) Run(ctx context.Context, command sandbox.Command) error {
	if b.session == nil {
		return errStopped
	}
	err := b.session.Run(ctx, command)
	if errors.Is(err, guest.ErrGone) && context.Cause(ctx) == nil {
		return b.gone()
	}
	return err
}

// gone tells a container that restarted from one that ended.
func (b *Booted) gone() error {
	select {
	case <-b.ended:
		return fmt.Errorf("run in machine: %w%s", guest.ErrGone, lastLines(b.console.String()))
	case <-time.After(shutdownTimeout):
		return fmt.Errorf("run in machine: %w%s", guest.ErrRestarted, lastLines(b.console.String()))
	}
}

// Reboot shuts the container down and boots the disk again, with /run and /tmp empty.
func (b *Booted) Reboot(ctx context.Context) error {
	if b.session == nil {
		return errStopped
	}
	_ = b.session.Run(ctx, sandbox.Command{Args: []string{"systemctl", "--no-block", "poweroff"}}) // killed if it does not

	select {
	case <-b.ended:
	case <-ctx.Done():
	case <-time.After(shutdownTimeout):
	}

	if err := errors.Join(b.end(), b.machine.Reboot(ctx)); err != nil {
		return fmt.Errorf("reboot container: %w", err)
	}
	return b.boot(ctx)
}

// end kills the container and lets go of what it used.
func (b *Booted) end() error {
	if b.kill != nil {
		b.kill()
		<-b.ended
		b.kill = nil
	}

	if b.session != nil {
		b.session.Close()
		b.session = nil
	}

	if b.stream != nil {
		_ = b.stream.Close() // its other end is gone
		b.stream = nil
	}

	var errs []error
	if b.listener != nil {
		errs = append(errs, b.listener.Close())
		b.listener = nil
	}

	if b.scaffold != nil {
		errs = append(errs, b.scaffold.strike())
		b.scaffold = nil
	}

	return errors.Join(errs...)
}

// Stop kills the container and lets go of the disk, as Machine's Stop does.
func (b *Booted) Stop(ctx context.Context) error {
	return errors.Join(b.end(), b.machine.Stop(ctx))
}
