package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"image-builder/internal/firstjob"
	"image-builder/internal/image"
)

// GuestJobCmd is `guest job`.
type GuestJobCmd struct {
	Image []string `help:"Docker image in which a command runs. May be given more than once." sep:"none" placeholder:"IMAGE"`
}

// Run prints what happens, as JSON lines.
func (c *GuestJobCmd) Run(ctx context.Context, env *Env) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	var lock sync.Mutex
	lines := json.NewEncoder(env.Stdout)
	tell := func(e firstjob.Event) {
		lock.Lock()
		defer lock.Unlock()
		_ = lines.Encode(e) // the other side misses it
	}

	arch := map[image.Arch]string{image.X86_64: "x86_64", image.ARM64: "arm64"}[image.HostArch()]
	result, err := firstjob.Run(ctx, firstjob.Definition{Program: program, Images: c.Image, Arch: arch, Tell: tell})
	failure := (*firstjob.Failure)(nil)
	switch {
	case errors.As(err, &failure):
		tell(firstjob.Event{Failure: failure})
	case err != nil:
		return err
	default:
		tell(firstjob.Event{Result: &result})
	}

	return nil
}

// GuestStepCmd is `guest step`.
type GuestStepCmd struct {
	Report string   `help:"Where to report." placeholder:"URL"`
	Image  []string `help:"Docker image in which a command runs. May be given more than once." sep:"none" placeholder:"IMAGE"`
}

// Run reports, and runs a command in each image.
func (c *GuestStepCmd) Run(ctx context.Context, env *Env) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	return firstjob.Step(ctx, c.Report, program, c.Image, env.Stdout)
}

// GuestSignalCmd is `guest signal`.
type GuestSignalCmd struct {
	Report string   `help:"Where to report." placeholder:"URL"`
	Args   []string `arg:"" optional:"" help:"Those of cfn-signal."`
}

// Run reports.
func (c *GuestSignalCmd) Run(ctx context.Context) error {
	return firstjob.Signal(ctx, c.Report, c.Args)
}
