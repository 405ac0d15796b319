package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"image-builder/internal/fault"
	"image-builder/internal/imagepipeline"
	"image-builder/internal/patience"
	"image-builder/internal/terminal"
)

// CancelCmd is `cancel`.
type CancelCmd struct {
	Version   string `arg:"" optional:"" help:"Build: its version as in 1.0.4/1, or its ARN. Default: the only one under way." placeholder:"VERSION"`
	stackFlag `embed:""`
	pollFlag  `embed:""`
}

// Help is what --help adds.
func (c *CancelCmd) Help() string {
	return `Cancels a build of the stack and waits until it has ended, at most a quarter of an hour; Image Builder terminates its
instance. Prints the image build version's ARN, and on stderr what remains: the image's record, the log, an AMI that the
build had made already, and what the output parameter names. With --json, the image with {"parameter", "amis"}.

A build that is cancelled already is no error. One that was done or had failed first exits with 4. Ctrl-C stops waiting;
the cancellation goes on.

Examples:
  image-builder cancel
  image-builder cancel 1.0.4/1 --stack nightly-ami
  image-builder cancel --json | jq -r .amis[]`
}

// cancelled is the result of cancel.
type cancelled struct {
	imagepipeline.Image
	Parameter imagepipeline.Parameter `json:"parameter"` // the output parameter, which a cancelled build leaves as it was
	AMIs      []string                `json:"amis"`      // AMIs that the build had made
	// Unread says what could not be read, and why.
	Unread []string `json:"unread,omitempty"`
}

// Run cancels.
func (c *CancelCmd) Run(ctx context.Context, env *Env) error {
	b, err := env.builds(ctx, c.stackFlag)
	if err != nil {
		return err
	}
	pipeline, err := b.pipeline()
	if err != nil {
		return err
	}
	watch := env.watcher()
	defer watch.Close()

	cancel := &imagepipeline.Cancel{
		Images: b.images, Canceller: b.images, Made: b.machines, Report: watch.Report, Wait: patience.Sleep, Pace: c.Poll,
	}
	chosen, err := cancel.Choose(ctx, pipeline, c.Version)
	if err != nil {
		return err
	}
	ended, err := cancel.Run(ctx, chosen, rand.Text())
	if err != nil {
		return c.unfinished(ctx, b, ended, err)
	}

	done := c.remains(ctx, b, cancel, ended)
	watch.Close()
	if ended.State != imagepipeline.Cancelled {
		return fault.New(fault.NotUsable, fmt.Errorf("cancel build %s: it had ended before, as %s", ended.Version, ended.State), b.command("status")+" has more")
	}

	return env.result(done, done.ARN, func() { fmt.Fprint(env.Stderr, c.summary(b, done)) })
}

// unfinished explains a cancellation that was not followed to the build's end.
func (c *CancelCmd) unfinished(ctx context.Context, b *builds, one imagepipeline.Image, err error) error {
	late := (*patience.LateError)(nil)
	switch {
	case errors.As(err, &late):
		return fault.New(fault.Failed, fmt.Errorf("cancel build %s: %w", one.Version, err), b.command("cancel "+one.Version)+" waits again")
	case ctx.Err() != nil:
		return fault.New(fault.ClassIn(ctx, err), fmt.Errorf("interrupted: Image Builder goes on cancelling build %s", one.Version),
			b.command("cancel "+one.Version)+" waits for its end")
	}
	return err
}

// remains looks for what a cancelled build left. What cannot be read is said, and is no error.
func (c *CancelCmd) remains(ctx context.Context, b *builds, cancel *imagepipeline.Cancel, ended imagepipeline.Image) cancelled {
	done := cancelled{Image: ended, AMIs: []string{}, Parameter: imagepipeline.Parameter{Name: b.stack.Parameters["OutputAmiParameter"]}}

	amis, err := cancel.Leftovers(ctx, ended)
	if err != nil {
		done.Unread = append(done.Unread, "AMIs: "+err.Error())
	}
	for _, ami := range amis {
		done.AMIs = append(done.AMIs, ami.ID)
	}

	held, err := b.parameters.Read(ctx, done.Parameter.Name)
	done.Parameter.AMI = held.Value
	if err != nil {
		done.Unread = append(done.Unread, "parameter: "+err.Error())
	}

	return done
}

// summary says what remains of a cancelled build.
func (c *CancelCmd) summary(b *builds, done cancelled) string {
	lines := []string{
		fmt.Sprintf("build %s of stack %s is cancelled; what remains:", done.Version, b.stack.Name),
		"  image      its record in Image Builder, without an AMI",
	}
	if len(done.AMIs) > 0 {
		lines[1] = "  image      its record in Image Builder"
		lines = append(lines, "  AMI        "+strings.Join(done.AMIs, ", ")+": made before the end, named by nothing; deregister it if you do not want it")
	}
	lines = append(lines, "  log        "+b.command("logs "+done.Version)+" prints it"+b.retention())
	if done.Parameter.AMI != "" {
		lines = append(lines, fmt.Sprintf("  parameter  %s = %s", done.Parameter.Name, terminal.Harmless(done.Parameter.AMI)))
	}
	for _, what := range done.Unread {
		lines = append(lines, "  not read   "+terminal.Harmless(what))
	}

	return strings.Join(append(lines, "  next       "+b.command("start --follow")+" builds again; the schedule goes on"), "\n") + "\n"
}
