package prove

import (
	"context"
	"errors"
	"time"

	"image-builder/internal/bootmap"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/sandbox"
)

// watched is the machine with a watch on what it reads, if the test wants one; else the watch is nil.
func (m Machine) watched(d Definition) (Machine, *bootmap.Watch, error) {
	if d.Seen == nil && d.Storage.Delay == 0 {
		return m, nil, nil
	}
	if m.Watched == nil {
		return m, nil, fault.New(fault.BadInput, errors.New("test image: what a container reads of its disk is neither seen nor slow"),
			"test it in a virtual machine: --test vm+job")
	}

	watch, err := bootmap.NewWatch(d.Image.Disk, d.Storage)
	m.Start = func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		return m.Watched(ctx, watch, disk, workDir, shares)
	}
	return m, watch, err
}

// seen is what a watch saw of a machine that began at start and ran its first job, if there is one.
func seen(watch *bootmap.Watch, m sandbox.Machine, proof image.Proof, start time.Time) bootmap.Boot {
	boot := watch.Seen()
	before := boot.Recorded.Sub(start) // the machine was not switched on yet
	boot.Login = max(0, time.Duration(proof.Boot)-before)
	if proof.Job != nil {
		boot.Login = max(0, time.Duration(proof.Job.Login)-before)
		boot.Job = max(0, time.Duration(proof.Job.Done)-before)
	}
	if accelerated, ok := m.(interface{ Acceleration() string }); ok {
		boot.Accel = accelerated.Acceleration()
	}

	return boot
}

// watch hands on what was seen of a machine, and fails if its first job took too long.
func (p Prove) watch(ctx context.Context, d Definition, watch *bootmap.Watch, m sandbox.Machine, proof *image.Proof, start time.Time) error {
	blame := func() string { return "" }
	if watch != nil {
		boot := seen(watch, m, *proof, start)
		if d.Seen != nil {
			d.Seen(boot)
		}
		if proof.Job != nil && d.Storage.Delay > 0 {
			proof.Job.At = d.Storage.Name
			proof.Job.Waited = image.Duration(bootmap.Make(boot, nil, nil).Waited * float64(time.Second))
		}
		blame = func() string {
			uses, names, _ := bootmap.Lying(ctx, d.Image.Disk) // without them the message names less
			return bootmap.Make(boot, uses, names).Blame()
		}
	}

	if proof.Job == nil {
		return nil
	}
	return within(*proof.Job, blame)
}

// Trace lets the image's agent run a first job in a machine that is watched, without the checks and test phases of a test, and
// returns what was seen up to the job's end.
func (p Prove) Trace(ctx context.Context, d Definition) (seen bootmap.Boot, err error) {
	p.Check = nil
	d.Job = true
	d.OnlyJob = true
	d.Seen = func(boot bootmap.Boot) { seen = boot }
	_, err = p.Run(ctx, d)
	return seen, err
}

// Takes returns a *disk.Unusable if the machine of a kind cannot take a disk that may be sound.
func (p Prove) Takes(ctx context.Context, in image.TestIn, path string) error {
	if takes := p.Machines[in].Takes; takes != nil {
		return takes(ctx, path)
	}
	return nil
}
