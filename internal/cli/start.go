package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/imagepipeline"
	"image-builder/internal/patience"
	"image-builder/internal/terminal"
)

// StartCmd is `start`.
type StartCmd struct {
	stackFlag `embed:""`
	Follow    bool `short:"f" help:"Show the build's steps and its log as they come, until it has ended."`
	Again     bool `help:"Start a build even if another one is in progress."`
	Enable    bool `help:"Switch the schedule on again, if it is off."`
	pollFlag  `embed:""`
}

// Help is what --help adds.
func (c *StartCmd) Help() string {
	return `Has the stack's pipeline build an image now. Prints the image build version's ARN; with --follow the AMI's ID, when there
is one. With --json, the image; with --follow also its duration and what the output parameter holds.

While a build is under way no other one is started: whichever ended last would be in the output parameter, and that may be
the older one. --again starts one all the same.

Image Builder disables a pipeline after --disable-after-failures scheduled builds that failed in a row. When what failed is
corrected, start --enable switches the schedule on again, and shows that a build comes out well.

Ctrl-C stops following. The build goes on: image-builder logs --follow follows it again.

Examples:
  image-builder start
  ami=$(image-builder start --follow)
  image-builder start --enable --follow
  image-builder start --stack nightly-ami --follow --json | jq -r .parameter.ami`
}

// Run starts a build.
func (c *StartCmd) Run(ctx context.Context, env *Env) error {
	b, err := env.builds(ctx, c.stackFlag)
	if err != nil {
		return err
	}
	image, err := c.start(ctx, b)
	if err != nil {
		return err
	}
	if err := c.schedule(ctx, env, b); err != nil {
		return err
	}

	if !c.Follow {
		return env.result(image, image.ARN, func() {
			fmt.Fprintf(env.Stderr, "started build %s of %s; %s follows it\n", image.Version, b.stack.Name, b.command("logs "+image.Version+" --follow"))
		})
	}

	return c.follow(ctx, env, b, image)
}

func (c *StartCmd) start(ctx context.Context, b *builds) (imagepipeline.Image, error) {
	arn, err := b.pipeline()
	if err != nil {
		return imagepipeline.Image{}, err
	}
	if b.stack.Status.Busy() {
		return imagepipeline.Image{}, fault.New(fault.NotUsable,
			fmt.Errorf("start build: stack %s is in %s", b.stack.Name, b.stack.Status),
			"start again when it is done: "+b.command("status"))
	}

	start := &imagepipeline.Start{Images: b.images, Starter: b.images, Wait: patience.Sleep, Pace: c.Poll}
	image, err := start.Run(ctx, arn, rand.Text(), c.Again)
	if busy := (*imagepipeline.UnderWayError)(nil); errors.As(err, &busy) {
		return image, fault.New(fault.NotUsable,
			err,
			b.command("logs "+busy.Images[0].Version+" --follow")+" follows it; start --again starts another one beside it")
	}

	return image, err
}

// schedule turns the schedule on if the user asked for it, and warns people if it stays off.
func (c *StartCmd) schedule(ctx context.Context, env *Env, b *builds) error {
	p, err := b.images.Pipeline(ctx, b.stack.Outputs["Pipeline"])
	if err != nil && c.Enable {
		return err
	}
	if err != nil || p.Enabled {
		return nil // the build was started, even if something is unreadable
	}

	said := fmt.Sprintf("note: the schedule of %s is off: %s says why", b.stack.Name, b.command("status"))

	if c.Enable {
		if err := b.images.Enable(ctx, p.ARN, rand.Text()); err != nil {
			return err
		}
		said = fmt.Sprintf("the schedule of %s is on again", b.stack.Name)
	}

	if !env.JSON {
		fmt.Fprintln(env.Stderr, said)
	}

	return nil
}

// followed is the result of start --follow.
type followed struct {
	imagepipeline.Build
	Parameter imagepipeline.Parameter `json:"parameter"` // the output parameter, after the build
	Published bool                    `json:"published"` // whether it names this build's AMI
}

func (c *StartCmd) follow(ctx context.Context, env *Env, b *builds, image imagepipeline.Image) error {
	watch := env.watcher()
	defer watch.Close()
	follower := b.follower(c.pollFlag)
	follower.Report = watch.Report
	build, err := follower.Run(ctx, image.ARN)
	if err != nil {
		return b.explain(err)
	}
	if build.AMI == "" {
		return fault.New(fault.NotUsable,
			fmt.Errorf("find the AMI of %s: the image is %s, but has none in this region and account", build.Version, build.State),
			"aws imagebuilder get-image --image-build-version-arn "+build.ARN)
	}

	done := followed{Build: build, Parameter: imagepipeline.Parameter{Name: b.stack.Parameters["OutputAmiParameter"]}}
	output := &imagepipeline.Output{Parameters: b.parameters, Wait: patience.Sleep, Pace: c.Poll}
	done.Parameter.AMI, err = output.Holds(ctx, done.Parameter.Name, build.AMI)
	done.Published = done.Parameter.AMI == build.AMI
	watch.Close()

	return env.result(done, build.AMI, func() { fmt.Fprint(env.Stderr, builtSummary(b, done, err)) })
}

// builtSummary says what a build made, and whether the output parameter holds it.
func builtSummary(b *builds, done followed, unread error) string {
	lines := []string{
		fmt.Sprintf("built %s in %s", done.AMI, terminal.Took(time.Duration(done.Elapsed))),
		fmt.Sprintf("  image      %s of stack %s", done.Version, b.stack.Name),
	}
	for _, one := range done.Copies {
		lines = append(lines, fmt.Sprintf("  copy       %s in %s, account %s", terminal.Harmless(one.AMI), terminal.Harmless(one.Region), terminal.Harmless(one.Account)))
	}

	switch {
	case done.Published:
		lines = append(lines, fmt.Sprintf("  parameter  %s = %s", done.Parameter.Name, done.AMI))
	case unread != nil:
		lines = append(lines, "  parameter  not read: "+terminal.Harmless(unread.Error()))
	case done.Parameter.AMI == "":
		lines = append(lines, fmt.Sprintf("  parameter  %s is NOT THERE: Image Builder has not written it", done.Parameter.Name))
	default:
		lines = append(lines, fmt.Sprintf("  parameter  %s holds ANOTHER AMI: %s", done.Parameter.Name, terminal.Harmless(done.Parameter.AMI)))
	}

	lines = append(lines, "  next       "+b.command("status"))
	return strings.Join(lines, "\n") + "\n"
}
