package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"image-builder/internal/bootmap"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/mountns"
	"image-builder/internal/prove"
)

// ImageTestCmd is `image test`.
type ImageTestCmd struct {
	ID        string            `arg:"" help:"Image, a beginning of its ID that no other has, or latest." placeholder:"ID"`
	Test      string            `help:"Machine to test in: vm or container (vm, if QEMU is installed and reaches the image). vm+job or job: the image's agent also runs a first job." placeholder:"MACHINE"`
	Bucket    map[string]string `help:"Let a local directory stand for a bucket: NAME=DIR. May be given more than once." placeholder:"NAME=DIR"`
	SkipCheck []string          `help:"Checks of the agent to leave out, comma-separated or repeated: see image check." placeholder:"NAME"`
	Timeout   time.Duration     `help:"How long the test may take (1h)." placeholder:"DURATION"`
	Tracing
}

// Help is what --help adds.
func (c *ImageTestCmd) Help() string {
	return `Boots the image and runs the test phases of the documents that it was baked with, as a bake does at its end. The image is
not changed. Exit status 0: the image stood the test.

With --test job, the image's own buildkite-agent also runs a first job: it registers, checks out the first baked git mirror and runs a
command in the baked Docker images. Told is how long that takes from power-on, and how much was fetched again.

With --trace, --html or --cold, what the machine reads of its disk is recorded as by image boot, up to the end of the first job, and --cold makes
the disk as slow. Only a virtual machine's reads can be seen.

Examples:
  image-builder image test latest
  image-builder image test img-3f0c --test container
  image-builder image test latest --test container+job --json
  image-builder image test latest --test vm+job --cold 5MiB/s --html job.html`
}

// Run tests.
func (c *ImageTestCmd) Run(ctx context.Context, env *Env) (err error) {
	if err := mountns.Enter(); err != nil {
		return err
	}
	watch := env.watcher()
	defer watch.Close()

	w, err := wire(ctx, env, watch.Report)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()

	img, err := w.store.Image(ctx, c.ID)
	if err != nil {
		return err
	}
	storage, err := c.storage()
	if err != nil {
		return err
	}
	named, job, err := c.machine()
	if err != nil {
		return err
	}
	in, otherwise := testIn(named, img.Arch)
	if err := checkTestIn(ctx, in, img.Arch); err != nil {
		return err
	}

	d := prove.Definition{Image: img, In: in, Otherwise: otherwise, Job: job, Storage: storage}
	var seen bootmap.Boot
	if c.wanted() {
		d.Otherwise = ""
		d.Seen = func(boot bootmap.Boot) { seen = boot }
	}
	proof, err := c.test(ctx, w, d)
	watch.Close()
	if err != nil {
		return err
	}

	return errors.Join(c.trace(ctx, img, seen), env.result(proof, proofLine(proof), nil))
}

// trace writes what was seen, if anybody wants to know.
func (c *ImageTestCmd) trace(ctx context.Context, img image.Image, seen bootmap.Boot) error {
	if c.Trace == "" && c.HTML == "" {
		return nil
	}
	uses, names, err := bootmap.Lying(ctx, img.Disk)
	return errors.Join(err, c.write(bootmap.Make(seen, uses, names), img.ID))
}

// machine is how to test.
func (c *ImageTestCmd) machine() (in image.TestIn, job bool, err error) {
	if c.Test == "" {
		return "", false, nil
	}
	in, job, err = image.ParseTest(c.Test)
	if err != nil {
		return "", false, fault.New(fault.BadInput, fmt.Errorf("test image: %w", err), "write vm or container, with a first job vm+job, container+job or job")
	}
	return in, job, nil
}

func (c *ImageTestCmd) test(ctx context.Context, w *wiring, d prove.Definition) (proof image.Proof, err error) {
	program, err := os.Executable()
	if err != nil {
		return proof, fmt.Errorf("find this program: %w", err)
	}
	buckets, err := local.NewBuckets(c.Bucket)
	if err != nil {
		return proof, err
	}

	around, err := bakeEnvironment(ctx)
	if err != nil {
		return proof, err
	}
	run, place, err := w.newRun(ctx)
	if err != nil {
		return proof, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()

	d.Dir = place.Dir
	d.Logs = filepath.Join(place.Logs, "test")
	d.Buckets = buckets
	d.Env = around.variables
	d.Timeout = c.Timeout

	nesting := slices.ContainsFunc(d.Image.Tests, func(t image.Test) bool { return t.Name == "docker-images.yml" })
	return w.prove(program, nesting, c.SkipCheck).Run(ctx, d)
}
