package publish

import (
	"context"
	"errors"
	"fmt"
	"os"

	"image-builder/internal/image"
	"image-builder/internal/snapshot"
)

// Plan is what publishing an image would do.
type Plan struct {
	Region string
	Name   string // of the AMI
	// Existing is the AMI that was made of the image before; publishing makes no other. "" if there is none.
	Existing string
	Parent   string        // snapshot that the new one differs from; "": all data is sent
	Changed  *snapshot.Set // blocks to send
	Zeroed   int64         // those of them that became zero
	Filled   int64         // blocks that hold data: what each launch loads lazily
}

// Plan compares without sending anything.
func (p Publisher) Plan(ctx context.Context, r Request) (Plan, error) {
	plan, err := p.plan(ctx, r)
	if err != nil {
		return Plan{}, fmt.Errorf("plan publication of %s: %w", r.Image.ID, err)
	}
	return plan, nil
}

func (p Publisher) plan(ctx context.Context, r Request) (plan Plan, err error) {
	if err := publishable(r); err != nil {
		return Plan{}, err
	}
	if plan.Region, err = p.AMIs.Region(ctx); err != nil {
		return Plan{}, err
	}
	plan.Name = nameOf(r)
	found, err := p.existing(ctx, r.Image.ID)
	if err != nil {
		return Plan{}, err
	}
	plan.Existing = found.ID

	parent, err := p.parent(ctx, r, plan.Region)
	if err != nil {
		return Plan{}, err
	}
	if parent != nil {
		plan.Parent = parent.Snapshot
		defer func() { _ = errors.Join(parent.Digests.Close(), parent.Disk.Close()) }() // they were only read
	}
	err = p.compare(ctx, r.Image, parent, &plan)
	return plan, err
}

func (p Publisher) compare(ctx context.Context, img image.Image, parent *snapshot.Parent, plan *Plan) error {
	defer p.Progress.Stage("compare")()
	file, err := os.Open(img.Disk)
	if err != nil {
		return fmt.Errorf("read disk: %w", err)
	}
	defer file.Close()
	digests, err := snapshot.Beside(ctx, img.Disk)
	if err != nil {
		return err
	}
	defer func() { _ = digests.Close() }() // it was only read

	found, err := snapshot.Comparison{Disk: file, Parent: parent, Digests: digests, Known: true}.Changes(ctx)
	if err != nil {
		return err
	}
	plan.Changed = found.Changed
	plan.Zeroed = found.Zeroed
	return digests.Each(func(_ int64, digest snapshot.Digest) error {
		if !digest.Zero() {
			plan.Filled++
		}
		return nil
	})
}
