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
	// What cannot be interrupted, like reading from a terminal, ends with a second Ctrl-C.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
