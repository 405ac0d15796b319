package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"image-builder/internal/sandbox/guest"
)

// GuestCmd is what runs in a machine that was started to test an image. People have no use for it.
type GuestCmd struct {
	Serve GuestServeCmd `cmd:"" help:"Run what the other side says."`
	Facts GuestFactsCmd `cmd:"" help:"Print how the machine stands after its boot."`
	Job   GuestJobCmd   `cmd:"" help:"Let the agent run a first job."`
	Step  GuestStepCmd  `cmd:"" help:"Be the command of the first job."`

	Signal GuestSignalCmd `cmd:"" help:"Be the cfn-signal of a boot script."`
}

// GuestServeCmd is `guest serve`.
type GuestServeCmd struct {
	Port string `arg:"" help:"A device, or unix: and a socket." placeholder:"PORT"`
}

// Run serves until the other side ends.
func (c *GuestServeCmd) Run(ctx context.Context) error {
	stream, err := c.open(ctx)
	if err != nil {
		return fmt.Errorf("open port: %w", err)
	}
	// A machine that shuts down ends this process. The command's status is no answer then: the other side learns that
	// the machine is gone.
	context.AfterFunc(ctx, func() { os.Exit(0) })
	err = guest.Serve(ctx, stream)
	return errors.Join(err, stream.Close())
}

func (c *GuestServeCmd) open(ctx context.Context) (io.ReadWriteCloser, error) {
	if socket, found := strings.CutPrefix(c.Port, "unix:"); found {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return os.OpenFile(c.Port, os.O_RDWR, 0)
}

// GuestFactsCmd is `guest facts`.
type GuestFactsCmd struct {
	Network time.Duration `help:"How long to wait for an address." placeholder:"DURATION"`
}

// Run prints the facts.
func (c *GuestFactsCmd) Run(ctx context.Context, env *Env) error {
	facts, err := guest.Look(ctx, c.Network)
	if err != nil {
		return err
	}
	return json.NewEncoder(env.Stdout).Encode(facts)
}
