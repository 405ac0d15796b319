//go:build linux

package pipeline

import (
	"context"
	"path/filepath"

	"image-builder/internal/bake"
	"image-builder/internal/bootmap"
	"image-builder/internal/image"
	"image-builder/internal/prefetch"
	"image-builder/internal/recipe"
)

// baker is the build stage. If the recipe asks for it, the disk is booted between the build and the seal, so that what is
// searched for secrets, tested and published is the disk with the list of what it reads ahead.
func (p Pipeline) baker(r *recipe.Recipe, base image.Base, place Place) bake.Bake {
	b := p.Bake
	if !r.Prefetch || p.Trace == nil {
		return b
	}

	b.Prefetch = prefetch.Prefetch{Report: p.Report, Boot: p.ahead(place, base.Arch)}.Disk
	return b
}

// ahead boots a disk that is being baked.
func (p Pipeline) ahead(place Place, arch image.Arch) func(ctx context.Context, disk string) (bootmap.Boot, error) {
	return func(ctx context.Context, disk string) (bootmap.Boot, error) {
		return p.Trace(ctx, image.Image{ID: place.ID, Disk: disk, Arch: arch}, filepath.Join(place.Logs, "prefetch-boot.log"))
	}
}
