package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/google/uuid"

	"image-builder/internal/patience"
	"image-builder/internal/progress"
	"image-builder/internal/stack"
)

// Delete deletes a stack: Assess, then Run.
type Delete struct {
	Stacks Stacks
	Builds Builds
	Report progress.Func
	Wait   patience.Pause
}

// Assess returns a stack that can be deleted. It first follows an operation in progress to its end; if that was the
// deletion, it returns the stack in that status. It refuses if there is no stack of that name, if this
// program did not make it, or while it builds an image: the build instance would keep the subnet and the security
// group in use.
func (d *Delete) Assess(ctx context.Context, name string) (stack.Stack, error) {
	s, err := d.Stacks.Stack(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return s, unusable(name, "not found in this region", "check the name, the region and the account")
	}
	if err != nil {
		return s, err
	}
	if s.Status == stack.ReviewInProgress {
		return s, reviewed(ctx, d.Stacks, s)
	}

	if !s.Ours() {
		return s, notOurs(s, "aws cloudformation delete-stack --stack-name "+s.Name+", if that is really meant")
	}

	if s.Status.Busy() {
		follow := &follower{stacks: d.Stacks, report: d.Report, pause: d.Wait}
		s, err = follow.pickUp(ctx, s)
		if err != nil {
			return s, err
		}
	}

	if s.Status == stack.DeleteComplete {
		return s, nil
	}
	return s, idle(ctx, d.Builds, s.Name, s.Outputs["Pipeline"],
		fmt.Sprintf("wait for it (image-builder logs --follow --stack %s), or end it: image-builder cancel --stack %s", s.Name, s.Name))
}

// idle refuses while a stack's pipeline builds an image; the hint says how to end that. Pipeline is its ARN, "" for none.
func idle(ctx context.Context, builds Builds, name, pipeline, hint string) error {
	if pipeline == "" {
		return nil
	}
	running, err := builds.Running(ctx, pipeline)
	if err != nil || len(running) == 0 {
		return err
	}
	return unusable(name, "it builds an image, whose instance would hold on to the stack's network: "+strings.Join(running, ", "), hint)
}

// Run deletes a stack and follows the deletion to its end. The error is a *Failed if CloudFormation cannot delete a
// resource, a *Lost if the deletion continues unwatched.
func (d *Delete) Run(ctx context.Context, s stack.Stack) error {
	since, err := newest(ctx, d.Stacks, s.ID)
	if err != nil {
		return err
	}
	if err := d.Stacks.DeleteStack(ctx, s.ID, uuid.NewString()); err != nil {
		return err
	}
	defer d.Report.Stage("delete stack " + s.Name)()

	follow := &follower{stacks: d.Stacks, report: d.Report, pause: d.Wait}
	after, events, err := follow.follow(ctx, s, since)
	if err == nil && after.Status != stack.DeleteComplete {
		err = failed("delete", after, events)
	}

	return err
}
