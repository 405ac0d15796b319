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
	Region string `json:"region"`
	Name   string `json:"name"` // of the AMI
	// Existing is the AMI that was made from the image before; publishing makes no other. "" if there is none.
	Existing string        `json:"existing,omitempty"`
	Parent   string        `json:"parent,omitempty"` // snapshot that the new one differs from; "": all data is sent
	Changed  *snapshot.Set `json:"-"`                // blocks that differ
	Blocks   int64         `json:"blocks"`           // how many they are
	Zeroed   int64         `json:"zeroed"`           // those of them that became zero
	Filled   int64         `json:"filled"`           // blocks that hold data: what each launch loads lazily
}

// The service's rates and prices that a plan is made with; prices are those of us-east-1, in dollars.
// https://aws.amazon.com/ebs/pricing/ https://docs.aws.amazon.com/general/latest/gr/ebs-service.html
const (
	PutsPerSecond      = 900 // that Pace allows, below the quota of 1,000 a snapshot
	InitializationRate = 300 // MiB/s, the highest VolumeInitializationRate
	lazyRate           = 5   // MiB/s at which users report that a volume loads on first use
	putPrice           = 0.006 / 1000
	initializePrice    = 0.0036 // for each GiB of the snapshot
	slowLine           = 100e6 / 8
)

// Upload is what sending the blocks of a plan takes.
type Upload struct {
	Blocks           int64   `json:"blocks"` // 0 if the AMI is there
	Bytes            int64   `json:"bytes"`
	Dollars          float64 `json:"dollars"` // price of the calls
	SecondsAtQuota   float64 `json:"secondsAtQuota"`
	SecondsAt100Mbit float64 `json:"secondsAt100Mbit"`
}

// Upload returns what sending takes.
func (p Plan) Upload() Upload {
	blocks := p.Blocks
	if p.Existing != "" {
		blocks = 0
	}
	bytes := blocks * snapshot.BlockSize
	return Upload{
		Blocks: blocks, Bytes: bytes, Dollars: float64(blocks) * putPrice,
		SecondsAtQuota: float64(blocks) / PutsPerSecond, SecondsAt100Mbit: float64(bytes) / slowLine,
	}
}

// Launch is what each instance launched from the AMI takes until its volume is loaded.
type Launch struct {
	GiB           float64 `json:"gib"`
	SecondsLazy   float64 `json:"secondsAt5MiB"`
	SecondsAtRate float64 `json:"secondsAt300MiB"` // with VolumeInitializationRate
	DollarsAtRate float64 `json:"dollarsAt300MiB"`
}

// Launch returns what each launch takes.
func (p Plan) Launch() Launch {
	mib := float64(p.Filled) * snapshot.BlockSize / (1 << 20)
	return Launch{GiB: mib / 1024, SecondsLazy: mib / lazyRate, SecondsAtRate: mib / InitializationRate, DollarsAtRate: mib / 1024 * initializePrice}
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
	plan.Region, err = p.AMIs.Region(ctx)
	if err != nil {
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
	found, err := compare(ctx, img.Disk, parent)
	if err != nil {
		return err
	}

	plan.Changed = found.Changed
	plan.Blocks = found.Changed.Len()
	plan.Zeroed = found.Zeroed

	digests, err := snapshot.Beside(ctx, img.Disk)
	if err != nil {
		return err
	}
	defer func() { _ = digests.Close() }() // it was only read

	return digests.Each(func(_ int64, digest snapshot.Digest) error {
		if !digest.Zero() {
			plan.Filled++
		}
		return nil
	})
}

// compare finds the blocks of a disk that its snapshot must contain, by the digests beside it.
func compare(ctx context.Context, path string, parent *snapshot.Parent) (snapshot.Compared, error) {
	file, err := os.Open(path)
	if err != nil {
		return snapshot.Compared{}, fmt.Errorf("read disk: %w", err)
	}
	defer file.Close()

	digests, err := snapshot.BesideClone(ctx, path, parent)
	if err != nil {
		return snapshot.Compared{}, err
	}
	defer func() { _ = digests.Close() }() // it was only read

	return snapshot.Comparison{Disk: file, Parent: parent, Digests: digests, Known: true}.Changes(ctx)
}
