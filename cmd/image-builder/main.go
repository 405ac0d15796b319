// Command image-builder bakes machine images for the agents of Buildkite Elastic CI Stacks.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"image-builder/internal/cli"
	"image-builder/internal/fault"
	_ "image-builder/internal/mountns/early"
	_ "image-builder/internal/quickstart" // before all that the start builds
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	go func() {
		var cause error // context.Canceled
		if <-signals == syscall.SIGTERM {
			cause = fault.ErrTerminated
		}
		cancel(cause)
		// A second Ctrl-C ends what cannot be interrupted, such as reading from a terminal.
		signal.Reset(os.Interrupt)
	}()

	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
