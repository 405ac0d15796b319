package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/imagepipeline"
	"image-builder/internal/terminal"
)

// LogsCmd is `logs`.
type LogsCmd struct {
	Image     string `arg:"" optional:"" help:"Image: its version as in 1.0.4/1, or its ARN. Default: the newest." placeholder:"IMAGE"`
	stackFlag `embed:""`
	Follow    bool `short:"f" help:"Also print new lines as they come, until the build has ended."`
	pollFlag  `embed:""`
	Pipeline  bool `help:"Print the pipeline's own log: which builds were started, and why others were not."`
}

// Help is what --help adds.
func (c *LogsCmd) Help() string {
	return `Prints the log of an image's build, in order, without control characters; of the pipeline's own log also the times. With
--json, one object: {"image", "lines": [{"time", "text"}]}, the lines as they were written; with --follow as well, one such
line an object.

With --follow it says at the end how the build came out, and exits with 1 if it failed or was cancelled. Ctrl-C stops
following; the build goes on.

Examples:
  image-builder logs | grep -i error
  image-builder logs 1.0.4/1
  image-builder logs --follow --stack nightly-ami
  image-builder logs --pipeline | tail`
}

// Validate refuses flags that exclude each other.
func (c *LogsCmd) Validate() error {
	if err := c.pollFlag.Validate(); err != nil {
		return err
	}
	if c.Pipeline && (c.Follow || c.Image != "") {
		return errors.New("--pipeline is the log of all images, and is not followed: leave out IMAGE and --follow")
	}
	return nil
}

// Run prints a log.
func (c *LogsCmd) Run(ctx context.Context, env *Env) error {
	b, err := env.builds(ctx, c.stackFlag)
	if err != nil {
		return err
	}
	if c.Pipeline {
		return c.pipelineLog(ctx, env, b)
	}

	images, err := b.list(ctx)
	if err != nil {
		return err
	}
	image, found := imagepipeline.Find(images, c.Image)
	if !found && c.Image != "" {
		return c.removedImage(ctx, env, b, images)
	}
	if !found {
		return c.noImage(ctx, env, b, images)
	}

	if c.Follow {
		return c.follow(ctx, env, b, image)
	}

	printed, err := env.printLog(image, env.logLine, func(line func(imagepipeline.Line) error) (int, error) {
		return b.log("ImageLogs").Image(ctx, image.Version, line)
	})
	if err == nil && printed == 0 {
		return c.noLog(ctx, env, b, image)
	}

	return err
}

// log is one of the stack's log groups.
func (b *builds) log(output string) *imagepipeline.Log {
	return &imagepipeline.Log{Logs: b.logs, Group: b.stack.Outputs[output]}
}

// shownLog is what logs --json prints.
type shownLog struct {
	Image *imagepipeline.Image `json:"image,omitempty"`
	Lines []imagepipeline.Line `json:"lines"`
}

// printLog prints all lines as they are read, or with --json together. It returns their number.
func (e *Env) printLog(image imagepipeline.Image, show func(imagepipeline.Line) error, read func(func(imagepipeline.Line) error) (int, error)) (int, error) {
	if !e.JSON {
		return read(show)
	}
	shown := shownLog{Lines: []imagepipeline.Line{}}

	if image.ARN != "" {
		shown.Image = &image
	}

	count, err := read(func(line imagepipeline.Line) error {
		shown.Lines = append(shown.Lines, line)
		return nil
	})
	if err != nil || count == 0 {
		return count, err
	}

	return count, e.object(shown)
}

// logLine prints one line.
func (e *Env) logLine(line imagepipeline.Line) error {
	if e.JSON {
		return e.object(line)
	}
	if _, err := fmt.Fprintln(e.Stdout, terminal.Harmless(line.Text)); err != nil {
		return fmt.Errorf("print log: %w", err)
	}
	return nil
}

// datedLine prints one line with its time.
func (e *Env) datedLine(line imagepipeline.Line) error {
	if _, err := fmt.Fprintln(e.Stdout, utc(line.Time)+"  "+terminal.Harmless(line.Text)); err != nil {
		return fmt.Errorf("print log: %w", err)
	}
	return nil
}

// follow prints lines until the build has ended, and then its outcome.
func (c *LogsCmd) follow(ctx context.Context, env *Env, b *builds, image imagepipeline.Image) error {
	follower := b.follower(c.pollFlag)
	follower.Line = env.logLine
	build, err := follower.Run(ctx, image.ARN)
	if err == nil && !env.JSON {
		fmt.Fprintf(env.Stderr, "build %s is %s: %s, built in %s\n", build.Version, build.State, orDash(build.AMI), terminal.Took(time.Duration(build.Elapsed)))
	}
	return b.explain(err)
}

func (c *LogsCmd) pipelineLog(ctx context.Context, env *Env, b *builds) error {
	if _, err := b.pipeline(); err != nil {
		return err
	}
	count, err := env.printLog(imagepipeline.Image{}, env.datedLine, func(line func(imagepipeline.Line) error) (int, error) {
		return b.log("PipelineLogs").All(ctx, line)
	})
	if err == nil && count == 0 {
		return fault.New(fault.NotUsable,
			fmt.Errorf("read the pipeline's log: it has no line%s", b.retention()),
			b.command("status")+" tells when the next build is due")
	}

	return err
}

// buildVersion is the end of an image build version's ARN, which names its log stream.
var buildVersion = regexp.MustCompile(`(?:^|/)([0-9]+\.[0-9]+\.[0-9]+/[0-9]+)$`)

// removedImage prints the log of an image that is not listed any more: logs live on after old images are removed.
func (c *LogsCmd) removedImage(ctx context.Context, env *Env, b *builds, images []imagepipeline.Image) error {
	version := buildVersion.FindStringSubmatch(c.Image)
	if version == nil {
		return c.noImage(ctx, env, b, images)
	}

	count, err := env.printLog(imagepipeline.Image{}, env.logLine, func(line func(imagepipeline.Line) error) (int, error) {
		return b.log("ImageLogs").Image(ctx, version[1], line)
	})
	if err == nil && count == 0 {
		return c.noImage(ctx, env, b, images)
	}

	return err
}

// noImage says that the image does not exist, and what the pipeline's log says about it.
func (c *LogsCmd) noImage(ctx context.Context, env *Env, b *builds, images []imagepipeline.Image) error {
	if c.Image != "" && len(images) > 0 {
		return fault.New(fault.NotUsable,
			fmt.Errorf("find image %s: stack %s has none of that version", c.Image, b.stack.Name),
			b.command("status --images "+strconv.Itoa(len(images)))+" lists them")
	}

	b.showPipelineLog(ctx, env)
	return fault.New(fault.NotUsable,
		fmt.Errorf("find an image: stack %s has not built any yet", b.stack.Name),
		b.command("start --follow")+" builds one now; "+b.command("status")+" tells when the next build is due")
}

// noLog says why an image has no log. For a build that has just begun it is not a failure.
func (c *LogsCmd) noLog(ctx context.Context, env *Env, b *builds, image imagepipeline.Image) error {
	err := fmt.Errorf("read the log of %s: it has no line", image.Version)
	days, _ := strconv.Atoi(b.stack.Parameters["LogRetentionDays"])

	age := env.Now().Sub(image.Created)
	switch {
	case image.State.Building():
		return fault.New(fault.NotUsable, fmt.Errorf("%w yet; the build is %s", err, image.State), b.command("logs "+image.Version+" --follow"))
	case days > 0 && age > time.Duration(days)*24*time.Hour:
		return fault.New(fault.NotUsable,
			fmt.Errorf("%w any more: it was built on %s%s", err, utc(image.Created), b.retention()),
			"deploy with a higher --log-retention-days to keep those of later builds longer")
	}

	b.showPipelineLog(ctx, env)
	if image.State == imagepipeline.Failed {
		err = fmt.Errorf("%w: the build failed before its instance wrote any: %s", err, imagepipeline.Build{Image: image}.Why())
	}

	return fault.New(fault.NotUsable, err, (&imagepipeline.FailedError{Build: imagepipeline.Build{Image: image}}).Hint())
}

// retention says how long logs are kept.
func (b *builds) retention() string {
	if days := b.stack.Parameters["LogRetentionDays"]; days != "" {
		return ", and logs are kept for " + days + " days"
	}
	return ""
}

// pipelineTail is how many last lines of the pipeline's log are shown if an image has none.
const pipelineTail = 10

// showPipelineLog shows people the end of the pipeline's log, if it is readable: it may say why nothing else exists.
func (b *builds) showPipelineLog(ctx context.Context, env *Env) {
	lines, err := b.log("PipelineLogs").Last(ctx, pipelineTail)
	if env.JSON || err != nil || len(lines) == 0 {
		return
	}
	fmt.Fprintln(env.Stderr, "the end of the pipeline's log:")
	for _, line := range lines {
		fmt.Fprintln(env.Stderr, "  | "+utc(line.Time)+"  "+terminal.Harmless(line.Text))
	}
}
