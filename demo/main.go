// Command demo shows the main job on this machine: a private git repository on a loopback SSH server, a bake that
// mirrors it with a deploy key, and the image that comes out, booted. `make demo` runs it, as root.
//
// `make demo-aws` runs it with the argument aws: the road on AWS, against the test server on loopback. That server is
// as strict as AWS's service models, but it is not AWS.
//
// It types what a user would type and shows what the user would see. It keeps nothing but the Debian base, below
// build/demo-data, so that a second demo is quicker; it needs no account and leaves nothing running.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"image-builder/internal/recipe"
	"image-builder/internal/testbed/gitserver"
)

const parameter = "/buildkite/agent-ami"

func main() {
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
	program, data, work string
	server              *gitserver.Server
	env                 []string // besides this process's own
}

func run(ctx context.Context) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("bakes mount disks: run `make demo`, which asks sudo")
	}
	d := demo{program: filepath.Join("build", "image-builder"), data: filepath.Join("build", "demo-data")}
	d.work, err = os.MkdirTemp("", "image-builder-demo-")
	if err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.work)) }()

	if len(os.Args) > 1 && os.Args[1] == "aws" {
		return d.aws(ctx)
	}

	d.server, err = gitserver.Start(ctx, d.work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.server.Close()) }()

	if err := d.prepare(); err != nil {
		return fmt.Errorf("prepare recipe: %w", err)
	}

	for _, step := range []func(context.Context) error{d.base, d.bake, d.look, d.boot} {
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
		os.WriteFile(d.file("recipe.yml"), text, 0o600), os.WriteFile(d.file("bootstrap.sh"), script, 0o700),
		os.Mkdir(d.file("secrets"), 0o700),
		os.WriteFile(d.file("secrets/private_ssh_key"), d.server.PrivateKey, 0o600),
		os.WriteFile(d.file("secrets/known_hosts"), d.server.KnownHosts, 0o600))
}

func (d demo) file(name string) string { return filepath.Join(d.work, name) }

func (d demo) base(ctx context.Context) error {
	known, err := d.output(ctx, "base", "list")
	if err == nil && strings.Contains(known, "debian:bookworm") {
		return nil
	}
	heading("A base to start from: a bootable Debian (built once, about a minute)")
	return d.show(ctx, "base", "build", "debian:bookworm")
}

func (d demo) bake(ctx context.Context) error {
	heading("A private repository on a git server of this machine, and a bake that mirrors it with a deploy key")
	fmt.Printf("repository  %s at %.12s\nmirror      %s\n", d.server.URL, d.server.Commit, recipe.MirrorName(d.server.URL))
	start := time.Now()
	if err := d.show(ctx, "bake", d.file("recipe.yml"), "--secrets", d.file("secrets"), "--base", "debian:bookworm", "--output", parameter, "--test", "none"); err != nil {
		return err
	}
	fmt.Printf("(%.1f s)\n", time.Since(start).Seconds())
	return nil
}

func (d demo) look(ctx context.Context) error {
	heading("What came out: the image, the parameter that names it, the message that announced it")
	id, err := d.output(ctx, "parameter", "get", parameter)
	if err != nil {
		return err
	}
	return errors.Join(d.show(ctx, "parameter", "get", parameter), d.show(ctx, "image", "show", id), d.show(ctx, "events"))
}

func (d demo) boot(ctx context.Context) error {
	heading("It boots: the disk in a virtual machine, up to its login prompt")
	id, err := d.output(ctx, "parameter", "get", parameter)
	if err != nil {
		return err
	}
	return errors.Join(d.show(ctx, "image", "boot", id), d.show(ctx, "image", "remove", "--force", id))
}

// show runs the program in front of the user.
func (d demo) show(ctx context.Context, args ...string) error {
	fmt.Printf("\n$ image-builder %s\n", strings.ReplaceAll(strings.Join(args, " "), d.work+"/", ""))
	return d.run(ctx, os.Stdout, args)
}

// output runs the program and returns what it wrote to standard output.
func (d demo) output(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := d.run(ctx, &out, args)
	return strings.TrimSpace(out.String()), err
}

// run waits for the program; when ctx ends, the program is asked to clean up before it is killed.
func (d demo) run(ctx context.Context, stdout io.Writer, args []string) error {
	cmd := exec.CommandContext(ctx, d.program, append([]string{"--data-dir", d.data}, args...)...)
	cmd.Env = append(os.Environ(), d.env...)
	cmd.Stdout = stdout
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Minute
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("image-builder %s: %w", args[0], err)
	}
	return nil
}

func heading(text string) { fmt.Printf("\n=== %s\n", text) }
