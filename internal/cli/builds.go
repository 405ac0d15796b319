package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/imagepipeline"
	"image-builder/internal/patience"
	"image-builder/internal/stack"
)

// builds is a stack of ours and the services that know its builds.
type builds struct {
	account

	stack stack.Stack
	flag  stackFlag
}

// pollFlag is --poll of the commands that follow a build.
type pollFlag struct {
	Poll time.Duration `help:"Longest pause between two looks at the build. Default: 5s." default:"5s" placeholder:"DURATION"`
}

// Validate refuses a poll without pauses.
func (f pollFlag) Validate() error {
	if f.Poll <= 0 {
		return fmt.Errorf("--poll %s: write a pause like 5s", f.Poll)
	}
	return nil
}

// builds finds the stack that is meant.
func (e *Env) builds(ctx context.Context, flag stackFlag) (*builds, error) {
	a := newAccount("")
	found, err := flag.find(ctx, a)
	if err != nil {
		return nil, err
	}
	return &builds{account: a, stack: found, flag: flag}, nil
}

// pipeline returns the ARN of the stack's pipeline, if the stack has one yet.
func (b *builds) pipeline() (string, error) {
	if arn := b.stack.Outputs["Pipeline"]; arn != "" {
		return arn, nil
	}
	status := b.stack.Status
	next := "image-builder deploy RECIPE --stack " + b.stack.Name

	if status.Busy() {
		next = b.command("status") + " tells when it is done"
	}

	return "", fault.New(fault.NotUsable,
		fmt.Errorf("use stack %s: it has no pipeline: it is in %s", b.stack.Name, status),
		next)
}

// command is a command line about the same stack.
func (b *builds) command(words string) string {
	if b.flag.Stack != "" {
		words += " --stack " + b.stack.Name
	}
	return "image-builder " + words
}

// list returns the pipeline's images, newest first.
func (b *builds) list(ctx context.Context) ([]imagepipeline.Image, error) {
	arn, err := b.pipeline()
	if err != nil {
		return nil, err
	}
	images, err := b.images.ListImages(ctx, arn)
	if err != nil {
		return nil, err
	}
	return imagepipeline.NewestFirst(images), nil
}

// follower watches builds of the stack; nothing of them is told yet.
func (b *builds) follower(poll pollFlag) *imagepipeline.Follow {
	return &imagepipeline.Follow{
		Images: b.images, Workflows: b.images, Logs: b.logs, Group: b.stack.Outputs["ImageLogs"],
		Wait: patience.Sleep, Pace: poll.Poll,
	}
}

// explain adds the next action to the error of a build.
func (b *builds) explain(err error) error {
	if detached := (*imagepipeline.DetachedError)(nil); errors.As(err, &detached) {
		return b.detached(detached)
	}
	failed := (*imagepipeline.FailedError)(nil)
	if !errors.As(err, &failed) {
		return err
	}

	next := b.command("logs " + failed.Build.Version)
	if hint := failed.Hint(); hint != "" {
		next = hint + "; " + next
	}

	if failed.Build.State == imagepipeline.Cancelled {
		next = b.command("start --follow") + " starts another one"
	}

	return fault.New(fault.Failed, err, next)
}

// detached says how to watch a build again, and how to end it.
func (b *builds) detached(err *imagepipeline.DetachedError) error {
	again := b.command("logs "+err.Image.Version+" --follow") + " follows it again"
	if !errors.Is(err, context.Canceled) || !err.Image.State.Building() {
		return fault.New(fault.ClassOf(err.Err), err, again)
	}
	return fault.New(fault.Interrupted,
		fmt.Errorf("interrupted: Image Builder goes on with build %s", err.Image.Version),
		again+"; "+b.command("cancel "+err.Image.Version)+" cancels it")
}

// utc writes a time for people, in a zone that all of them know.
func utc(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}
