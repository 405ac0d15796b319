// Command demo shows the main job on this machine: a private git repository on a loopback SSH server, a bake that
// mirrors it with a deploy key, and the image that comes out, booted. `make demo` runs it, as root.
//
// The first time, it has the program compiled and the base built at once: together they take little longer than either
// does. So it imports nothing that is slow to compile, the AWS SDK least of all.
//
// It types what a user would type and shows what the user would see. It keeps nothing but the Debian base, below
// build/demo-data, so that a second demo is quicker; it needs no account and leaves nothing running.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"image-builder/demo/walk"
	"image-builder/internal/mountns"
	"image-builder/internal/testbed/gitserver"
)

func main() {
	if err := mountns.Enter(); err != nil { // a base's disk is mounted, for a look
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is one walk through the product.
type demo struct {
	walk.Walk

	server *gitserver.Server
}

func run(ctx context.Context) (err error) {
	d := demo{Walk: walk.Walk{Data: walk.Data}}
	d.Work, err = os.MkdirTemp("", "image-builder-demo-")
	if err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.Work)) }()

	d.server, err = gitserver.Start(ctx, d.Work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.server.Close()) }()

	if err := d.prepare(); err != nil {
		return fmt.Errorf("prepare recipe: %w", err)
	}

	for _, step := range []func(context.Context) error{d.begin, d.bake, d.look, d.boot} {
		if err := step(ctx); err != nil {
			return err
		}
	}

	return nil
}

// prepare makes the example's recipe one for the repository on loopback.
func (d demo) prepare() error {
	const example = "examples/git-mirror"
	script, err := os.ReadFile(filepath.Join(example, "bootstrap.sh"))
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(script, []byte("\nrepository="))
	_, after, ended := bytes.Cut(rest, []byte("\n"))
	if !found || !ended {
		return fmt.Errorf("%s/bootstrap.sh names no repository", example)
	}

	script = fmt.Appendf(nil, "%s\nrepository=%s\n%s", before, d.server.URL, after)
	text, err := os.ReadFile(filepath.Join(example, "recipe.yml"))
	return errors.Join(err,
		os.WriteFile(d.File("recipe.yml"), text, 0o600), os.WriteFile(d.File("bootstrap.sh"), script, 0o700),
		os.Mkdir(d.File("secrets"), 0o700),
		os.WriteFile(d.File("secrets/private_ssh_key"), d.server.PrivateKey, 0o600),
		os.WriteFile(d.File("secrets/known_hosts"), d.server.KnownHosts, 0o600))
}

func (d demo) bake(ctx context.Context) error {
	walk.Heading("A private repository on a git server of this machine, and a bake that mirrors it with a deploy key")
	fmt.Printf("repository  %s at %.12s\n", d.server.URL, d.server.Commit)
	if err := d.Show(ctx, "mirror-name", d.server.URL); err != nil {
		return err
	}

	start := time.Now()
	err := d.Show(ctx, "bake", d.File("recipe.yml"), "--secrets", d.File("secrets"), "--base", walk.Debian, "--output", walk.Parameter, "--test", "none")
	if err != nil {
		return err
	}
	fmt.Printf("(%.1f s)\n", time.Since(start).Seconds())
	return nil
}

func (d demo) look(ctx context.Context) error {
	walk.Heading("What came out: the image, the parameter that names it, the message that announced it")
	id, err := d.Output(ctx, "parameter", "get", walk.Parameter)
	if err != nil {
		return err
	}
	return errors.Join(d.Show(ctx, "parameter", "get", walk.Parameter), d.Show(ctx, "image", "show", id), d.Show(ctx, "events"))
}

func (d demo) boot(ctx context.Context) error {
	walk.Heading("It boots: the disk in a virtual machine, up to its login prompt")
	id, err := d.Output(ctx, "parameter", "get", walk.Parameter)
	if err != nil {
		return err
	}
	return errors.Join(d.Show(ctx, "image", "boot", id), d.Show(ctx, "image", "remove", "--force", id))
}
