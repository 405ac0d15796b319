//go:build linux

package pipeline

import (
	"context"
	"errors"
	"testing"

	"image-builder/internal/bootmap"
	"image-builder/internal/image"
	"image-builder/internal/recipe"
)

// The disk that a bake built is booted for its list, if the recipe asks for that, before the bake seals it.
func TestPrefetchIsPartOfTheBake(t *testing.T) {
	t.Parallel()
	asked := image.Image{}
	p := Pipeline{Trace: func(_ context.Context, img image.Image, log string) (bootmap.Boot, error) {
		asked = img
		return bootmap.Boot{}, errors.New("booted, with its console in " + log)
	}}

	place := Place{ID: "img-1", Dir: "/run", Logs: "/logs"}
	if b := p.baker(&recipe.Recipe{}, image.Base{}, place); b.Prefetch != nil {
		t.Error("a bake makes a list that its recipe does not ask for")
	}
	b := p.baker(&recipe.Recipe{Prefetch: true}, image.Base{Arch: image.ARM64}, place)
	if b.Prefetch == nil {
		t.Fatal("a bake makes no list")
	}
	if _, err := p.ahead(place, image.ARM64)(t.Context(), "/run/disk.raw"); err == nil || err.Error() != "booted, with its console in /logs/prefetch-boot.log" {
		t.Error(err)
	}
	if asked.ID != "img-1" || asked.Disk != "/run/disk.raw" || asked.Arch != image.ARM64 {
		t.Errorf("booted %+v", asked)
	}
}
