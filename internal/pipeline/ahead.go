//go:build linux

package pipeline

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"image-builder/internal/bake"
	"image-builder/internal/bootmap"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/prefetch"
	"image-builder/internal/progress"
	"image-builder/internal/prove"
	"image-builder/internal/recipe"
	"image-builder/internal/secret"
)

// baker is the build stage. If the recipe asks for it, the disk is booted between the build and the seal, so that what is
// searched for secrets, tested and published is the disk with the list of what it reads ahead.
func (p Pipeline) baker(r *recipe.Recipe, o Options, c contents, base image.Base, place Place) bake.Bake {
	b := p.Bake
	if r.Prefetch && p.Trace != nil {
		b.Prefetch = prefetch.Prefetch{Report: p.Report, Boot: p.ahead(r, o, c, base.Arch, place)}.Disk
	}
	return b
}

// ahead boots a disk that is being baked, up to the end of a first job if the recipe tests one.
func (p Pipeline) ahead(r *recipe.Recipe, o Options, c contents, arch image.Arch, place Place) func(ctx context.Context, disk string) (bootmap.Boot, error) {
	return func(ctx context.Context, path string) (bootmap.Boot, error) {
		img := image.Image{ID: place.ID, Disk: path, Arch: arch}
		if p.Prove == nil || (!r.TestJob && r.JobBudget() == 0) {
			return p.Trace(ctx, img, filepath.Join(place.Logs, "prefetch-boot.log"))
		}

		if unusable := (*disk.Unusable)(nil); errors.As(p.Prove.Takes(ctx, image.TestVM, path), &unusable) {
			p.Report.Send(progress.Event{Kind: progress.Note, Text: "the list ends with the login, without a first job: " + unusable.Reason})
			return p.Trace(ctx, img, filepath.Join(place.Logs, "prefetch-boot.log"))
		}
		tests, err := prove.Tests(c.documents)
		if err != nil {
			return bootmap.Boot{}, err
		}
		img.Tests = tests

		return p.Prove.Trace(ctx, prove.Definition{
			Image: img, In: image.TestVM, Dir: place.Dir, Logs: filepath.Join(place.Logs, "prefetch"),
			Buckets: o.Buckets, Env: o.Env, Hidden: secret.NewSet(slices.Concat(c.secrets, o.Credentials)), Timeout: r.Timeout,
		})
	}
}
