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
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
