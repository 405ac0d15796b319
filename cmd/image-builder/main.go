// Command image-builder bakes machine images for the agents of Buildkite Elastic CI Stacks.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"image-builder/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second Ctrl-C ends what cannot be interrupted, such as reading from a terminal.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
