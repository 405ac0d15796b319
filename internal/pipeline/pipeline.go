//go:build linux

// Package pipeline is the one place that knows the order of things. Of a bake: what the recipe names is read, the base is
// resolved, the disk is baked and proved, the image is stored. Of a deploy: the stack is assessed, checks are made, a change set is
// prepared, shown, agreed to and executed. Of a publication: the AMI, the output parameter, the message. Every stage does
// its own work; this package only passes values from one to the next. It prints nothing and decides nothing that a stage
// could.
package pipeline

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"image-builder/internal/bake"
	"image-builder/internal/bootmap"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/prove"
	"image-builder/internal/recipe"
	"image-builder/internal/secret"
)

// Pipeline holds the stages and what they need from outside.
type Pipeline struct {
	Bases   Bases
	Secrets Secrets
	Objects Objects
	// NewRun opens a directory of its own for a bake and says what the image's ID will be.
	NewRun func(ctx context.Context) (Run, Place, error)
	Bake   bake.Bake
	// Boot proves that the finished disk starts, and writes the console to a log file; nil leaves that out. Satisfied by
	// boot.Boot.Image.
	Boot func(ctx context.Context, img image.Image, log string) error
	// Cold boots the finished disk within a budget; nil leaves that out. Satisfied by boot.Boot.Within.
	Cold func(ctx context.Context, img image.Image, budget image.BootBudget, log string) (image.ColdBoot, error)
	// Trace boots the finished disk without changing it, and returns what it read; nil: no image reads ahead. Satisfied by
	// boot.Boot.Watched.
	Trace func(ctx context.Context, img image.Image, log string) (bootmap.Boot, error)
	// Prove tests the finished disk, in the machine that Options name; nil leaves that out.
	Prove  *prove.Prove
	Report progress.Func
}

// Options are what a bake takes besides its recipe.
type Options struct {
	Buckets     map[string]string // bucket name → local directory that stands for it
	Env         []string          // NAME=value, for the documents and scripts
	Credentials []secret.Secret   // values in Env that must reach neither log nor disk
	KeepFailed  bool
	Test        image.TestIn // "" or none: the image is not tested
	// TestOtherwise takes images that the machine of Test cannot take; "": such an image fails.
	TestOtherwise image.TestIn
}

// Run bakes what the recipe says. Nothing is created before everything that the recipe names was found readable.
//
// Errors are those of the stages: bake.StepError and bake.LeakError among them. With KeepFailed, the image that was
// kept is returned with the error.
func (p Pipeline) Run(ctx context.Context, r *recipe.Recipe, o Options) (image.Image, error) {
	found, err := p.read(ctx, r)
	if err != nil {
		return image.Image{}, err
	}
	base, err := p.base(ctx, r.Base)
	if err != nil {
		return image.Image{}, err
	}

	run, place, err := p.NewRun(ctx)
	if err != nil {
		return image.Image{}, err
	}
	if err := run.Hold(ctx, base); err != nil {
		return image.Image{}, errors.Join(err, run.Close())
	}

	img, err := p.baker(r, o, found, base, place).Run(ctx, define(r, o, found, base, place))
	if err == nil && p.Boot != nil {
		err = p.Boot(ctx, img, filepath.Join(place.Logs, "boot.log"))
	}

	if err == nil {
		img, err = p.test(ctx, img, r, o, found, place)
	}

	if err == nil {
		img, err = p.cold(ctx, img, r, o, place)
	}

	if err == nil || img.Failed != "" {
		var storeErr error
		img, storeErr = p.store(ctx, run, img)
		err = errors.Join(err, storeErr)
	}

	return img, errors.Join(err, run.Close())
}

// test runs the test stage. An image that fails it is not stored, unless failed images are kept.
func (p Pipeline) test(ctx context.Context, img image.Image, r *recipe.Recipe, o Options, c contents, place Place) (image.Image, error) {
	tests, err := prove.Tests(c.documents)
	if err != nil {
		return img, err
	}
	img.Tests = tests

	if p.Prove == nil || o.Test == "" || o.Test == image.TestNone {
		return img, nil
	}

	storage, err := r.JobStorage()
	if err != nil {
		return img, err
	}
	proof, err := p.Prove.Run(ctx, prove.Definition{
		Image: img, In: o.Test, Otherwise: o.TestOtherwise, Dir: place.Dir, Logs: filepath.Join(place.Logs, "test"),
		Buckets: o.Buckets, Env: o.Env, Hidden: secret.NewSet(slices.Concat(c.secrets, o.Credentials)), Timeout: r.Timeout, Job: r.TestJob,
		JobBudget: r.JobBudget(), Storage: storage,
	})
	if err == nil {
		img.Proof = &proof
		return img, nil
	}

	if failure := (*prove.Failure)(nil); o.KeepFailed && errors.As(err, &failure) {
		img.Failed = err.Error()
		img.Parameter = ""
	}

	return img, err
}

// cold boots within the recipe's budget. An image that takes longer is not stored, unless failed images are kept.
func (p Pipeline) cold(ctx context.Context, img image.Image, r *recipe.Recipe, o Options, place Place) (image.Image, error) {
	if r.BootBudget == nil || r.BootBudget.Login == 0 || p.Cold == nil {
		return img, nil
	}

	cold, err := p.Cold(ctx, img, *r.BootBudget, filepath.Join(place.Logs, "cold-boot.log"))
	if err == nil {
		img.ColdBoot = &cold
		return img, nil
	}

	if o.KeepFailed && fault.ClassOf(err) == fault.NotUsable {
		img.Failed = err.Error()
		img.Parameter = ""
	}

	return img, err
}

func (p Pipeline) base(ctx context.Context, reference string) (image.Base, error) {
	defer p.Report.Stage("base")()
	return p.Bases.Resolve(ctx, reference)
}

func (p Pipeline) store(ctx context.Context, run Run, img image.Image) (image.Image, error) {
	defer p.Report.Stage("store")()
	return run.Commit(ctx, img)
}
