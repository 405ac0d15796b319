//go:build linux

package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"

	"image-builder/internal/bootmap"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/prove"
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
	base := image.Base{Arch: image.ARM64}
	if b := p.baker(&recipe.Recipe{}, Options{}, contents{}, base, place); b.Prefetch != nil {
		t.Error("a bake makes a list that its recipe does not ask for")
	}
	asks := &recipe.Recipe{Prefetch: true, TestJob: true}
	if b := p.baker(asks, Options{}, contents{}, base, place); b.Prefetch == nil {
		t.Error("a bake makes no list")
	}
	const want = "booted, with its console in /logs/prefetch-boot.log"
	if _, err := p.ahead(asks, Options{}, contents{}, base.Arch, place)(t.Context(), "/run/disk.raw"); err == nil || err.Error() != want {
		t.Error(err)
	}
	if asked.ID != "img-1" || asked.Disk != "/run/disk.raw" || asked.Arch != image.ARM64 {
		t.Errorf("booted %+v", asked)
	}

	p.Prove = &prove.Prove{Machines: map[image.TestIn]prove.Machine{image.TestVM: {
		Takes: func(context.Context, string) error { return &disk.Unusable{Reason: "it has systemd 249"} },
	}}}
	note := ""
	p.Report = func(e progress.Event) { note = e.Text }
	if _, err := p.ahead(asks, Options{}, contents{}, base.Arch, place)(t.Context(), "/run/disk.raw"); err == nil || err.Error() != want || !strings.Contains(note, "without a first job: it has systemd 249") {
		t.Errorf("%v, note %q", err, note)
	}
}
