package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"

	"image-builder/internal/patience"
	"image-builder/internal/stack"
)

// discardPatience bounds the cleaning up.
const discardPatience = time.Minute

// Discard removes what Prepare made: the change set, the empty stack that was created for it, and the bucket if it is
// new. It works even after the context has ended.
func (d *Deploy) Discard(ctx context.Context, p *Plan) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardPatience)
	defer cancel()
	if p.asked && !p.Unchanged {
		replaced, err := d.discardChangeSet(ctx, p)
		if err != nil {
			return fmt.Errorf("clear away what was prepared: %w", err)
		}
		if replaced {
			return nil // the other deploy needs the objects
		}
	}

	if err := d.withdraw(ctx, p.bucket, p.sent); err != nil {
		return fmt.Errorf("clear away what was prepared: %w", err)
	}
	return nil
}

// discardChangeSet removes a stack that exists only for our change set, or else just the change set; it removes
// nothing if another deploy has replaced our change set with its own.
func (d *Deploy) discardChangeSet(ctx context.Context, p *Plan) (replaced bool, err error) {
	s, err := d.Stacks.Stack(ctx, p.Standing.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the stack is gone as well
	}
	if err != nil {
		return false, err
	}

	c, err := d.settled(ctx, s.ID, changeSetName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case p.ChangeSet.ID != "" && c.ID != p.ChangeSet.ID:
		return true, nil
	case s.Status != stack.ReviewInProgress:
		return false, d.Stacks.DeleteChangeSet(ctx, s.ID, c.ID)
	}

	if err := d.Stacks.DeleteStack(ctx, s.ID, uuid.NewString()); err != nil {
		return false, err
	}
	return false, d.gone(ctx, s.ID)
}

// gone waits until an empty stack is deleted.
func (d *Deploy) gone(ctx context.Context, id string) error {
	wait := patience.Wait{For: "the deletion of the empty stack", Limit: discardPatience, Pause: d.Wait, Report: d.Report}
	return wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		s, err := d.Stacks.Stack(ctx, id)
		if errors.Is(err, fs.ErrNotExist) {
			return patience.Answer{Done: true}, nil
		}
		return patience.Answer{Done: s.Status == stack.DeleteComplete, State: string(s.Status)}, err
	})
}
