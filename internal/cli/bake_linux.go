package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/fault"
	"image-builder/internal/finding"
	"image-builder/internal/image"
	"image-builder/internal/lint"
	"image-builder/internal/mountns"
	"image-builder/internal/recipe"
	"image-builder/internal/sandbox/nspawn"
	"image-builder/internal/secret"
	"image-builder/internal/terminal"
)

// BakeCmd is `bake`.
type BakeCmd struct {
	Recipe       string `arg:"" optional:"" help:"Recipe file, or a bare bootstrap script." placeholder:"RECIPE|SCRIPT"`
	recipe.Flags `embed:""`
	Bucket       map[string]string `help:"Let a local directory stand for a bucket: NAME=DIR. May be given more than once." placeholder:"NAME=DIR"`
	KeepFailed   bool              `help:"Keep the disk if a step fails: see image shell."`
	SkipCheck    []string          `help:"Checks of the agent to leave out of the test, comma-separated or repeated: see image check." placeholder:"NAME"`
	Boot         bool              `help:"Boot the finished disk in a virtual machine first; without a login prompt it is not kept."`
}

// Help is what --help adds.
func (c *BakeCmd) Help() string {
	return `Bakes here: the base disk is cloned, the component documents run in it as root with the secrets at /tmp/secrets,
the result is searched for every secret and goes into the image store, its ID into the output parameter.

Prints the image's ID, or the image as JSON with --json.

With --publish, or publish: in the recipe, the image then becomes an AMI, as image-builder publish makes it: the output parameter is
written in SSM too. If that fails, the image stays, and image-builder publish continues.

Examples:
  image-builder bake recipe.yml
  image-builder bake bootstrap.sh --base debian:bookworm --secrets ./secrets --output /buildkite/agent-ami
  image-builder bake recipe.yml --bucket acme-secrets=./secrets --keep-failed
  image-builder bake recipe.yml --publish=eu-central-1,us-east-1`
}

// Run bakes.
func (c *BakeCmd) Run(ctx context.Context, env *Env) error {
	unready := errors.Join(mountns.Enter(), secret.NoCore()) // first, since it starts the program again
	// that systemd-nspawn says its version takes as long as all that is read meanwhile
	machine := begin(func() error { return nspawn.Preflight(ctx) })
	definition, err := c.definition(env)
	if err != nil {
		return err
	}
	if unready != nil {
		return unready
	}

	if err := publishable(ctx, definition); err != nil {
		return err
	}

	watch := env.watcher()
	img, err := c.bake(ctx, env, definition, machine, watch)
	watch.Close()
	if err != nil {
		return c.failed(env, img, err)
	}

	return env.result(img, img.ID, func() { fmt.Fprint(env.Stderr, Summary(img)) })
}

// failed adds to the error how to look into the kept disk.
func (c *BakeCmd) failed(env *Env, img image.Image, err error) error {
	if img.Failed == "" {
		return err
	}
	if !env.JSON {
		fmt.Fprint(env.Stderr, Summary(img))
	}
	return fault.New(fault.ClassOf(err), err, "image-builder image shell "+img.ID)
}

// definition reads the recipe and the flags, and checks them and every document and script they name.
func (c *BakeCmd) definition(env *Env) (*recipe.Recipe, error) {
	r, found := recipe.Load(c.Recipe)
	if r != nil {
		found = append(found, r.Override(c.Override())...)
	}

	if found.Errors() == 0 {
		found = append(found, r.Complete()...)
	}

	if found.Errors() > 0 {
		return nil, env.showFindings(found)
	}
	linter := &lint.Linter{Modules: action.All(action.Ports{}), Platform: component.Linux}
	found = append(found, linter.Named(r)...)
	warnings := len(found) - found.Errors()
	if warnings > 0 && !env.JSON {
		fmt.Fprintf(env.Stderr, "image-builder: %s: image-builder lint shows them\n", count(warnings, "warning"))
	}

	return r, env.showFindings(slices.DeleteFunc(found, func(f finding.Finding) bool { return f.Severity != finding.Error }))
}

// begin starts a check whose answer is wanted later: the returned function waits for it.
func begin(check func() error) (answer func() error) {
	checked := alongside(func() (struct{}, error) { return struct{}{}, check() })
	return func() error {
		_, err := checked()
		return err
	}
}

// alongside starts what yields something that is wanted later: the returned function waits for it.
func alongside[T any](find func() (T, error)) (found func() (T, error)) {
	answer := sync.OnceValues(find)
	go func() { _, _ = answer() }() // whoever wants it gets the error
	return answer
}

func (c *BakeCmd) bake(ctx context.Context, env *Env, r *recipe.Recipe, machine func() error, watch terminal.Watcher) (img image.Image, err error) {
	environment := alongside(func() (surroundings, error) { return bakeEnvironment(ctx) })
	w, err := wire(ctx, env, watch.Report)
	if err != nil {
		return image.Image{}, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()

	img, err = w.bake(ctx, r, c, machine, environment)
	if err != nil || r.Publish == nil {
		return img, err
	}

	return w.publish(ctx, img, r.Publish)
}
