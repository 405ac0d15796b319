package preflight_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/preflight"
	"image-builder/internal/stack"
	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/ec2"
)

const gib = int64(1) << 30

// fakeRegistry has images by reference, with the sizes of their layers by digest.
type fakeRegistry map[string]map[string]int64

func (r fakeRegistry) Layers(_ context.Context, reference string, arch image.Arch) (map[string]int64, error) {
	layers, known := r[reference]
	switch {
	case strings.HasPrefix(reference, "down/"):
		return nil, errors.New("no answer")
	case !known || arch != image.X86_64:
		return nil, fmt.Errorf("%s for %s: %w", reference, arch, fs.ErrNotExist)
	}
	return layers, nil
}

// fakeBakes are bakes by the recipe's name.
type fakeBakes map[string]preflight.Baked

func (b fakeBakes) Baked(_ context.Context, recipe string) (preflight.Baked, error) {
	if baked, known := b[recipe]; known {
		return baked, nil
	}
	return preflight.Baked{}, fs.ErrNotExist
}

// The base AMI has 10 GiB, and 2 MiB in its snapshot if that is shown.
func TestSpace(t *testing.T) {
	t.Parallel()
	registries := fakeRegistry{
		"small:1": {"a": gib, "b": gib / 2}, "again:1": {"a": gib, "c": gib / 2}, "large:1": {"d": 6 * gib}, "huge:1": {"e": 11 * gib},
	}
	before := preflight.Baked{Image: "img-1", Created: time.Date(2026, 8, 30, 1, 0, 0, 0, time.UTC), Added: 12 * gib}
	for name, test := range map[string]struct {
		recipe string
		hidden bool
		bakes  fakeBakes
		status preflight.Status
		text   string // of the check, with its next action; "" if there is no check
	}{
		"nothing large": {recipe: "packages: [jq]"},
		"layers once": {
			recipe: "docker-images: ['small:1', 'again:1']", status: preflight.OK,
			text: "10 GiB for the base (2 MiB in its snapshot) and Docker images (2.0 GiB compressed, as their registries say; estimated at 4.0 GiB unpacked); ",
		},
		"unpacked too large": {
			recipe: "docker-images: ['large:1']", status: preflight.Warning,
			text: "10 GiB may not hold the base (2 MiB in its snapshot) and Docker images (6.0 GiB compressed, as their registries say; estimated at 12.0 GiB unpacked), which are 13 GiB by this estimate; write disk: 14GiB or more; what jobs write comes on top",
		},
		"on a larger disk": {recipe: "docker-images: ['large:1']\ndisk: 40GiB", status: preflight.OK, text: "40 GiB for the base"},
		"compressed too large": {
			recipe: "docker-images: ['huge:1']", hidden: true, status: preflight.Warning,
			text: "10 GiB cannot hold Docker images (11.0 GiB compressed, as their registries say; estimated at 22.0 GiB unpacked); not counted: the base itself, whose snapshot does not show how much it holds; write disk: 23GiB",
		},
		"a registry that is down": {recipe: "docker-images: ['down/x:1', 'small:1']", status: preflight.OK, text: "1.5 GiB compressed, as their registries say; estimated at 3.0 GiB unpacked); not counted: down/x:1 (no answer)"},
		"mirrors":                 {recipe: "git-mirrors: ['git@example.com:a/b.git']", status: preflight.OK, text: "10 GiB for the base (2 MiB in its snapshot); not counted: git mirrors, whose size shows when they are cloned"},
		"mirrors on a hidden base": {
			recipe: "git-mirrors: ['git@example.com:a/b.git']", hidden: true, status: preflight.Unchecked, text: "nothing is known of how much is baked; not counted: the base itself",
		},
		"an earlier bake": {
			recipe: "git-mirrors: ['git@example.com:a/b.git']\ndocker-images: ['down/x:1']", bakes: fakeBakes{"nightly": before}, status: preflight.Warning,
			text: "10 GiB cannot hold the base (2 MiB in its snapshot) and what img-1 added to its base here on 2026-08-30 (12.0 GiB); write disk: 14GiB or more",
		},
		"another recipe's bake": {recipe: "docker-images: ['small:1']", bakes: fakeBakes{"other": before}, status: preflight.OK, text: "Docker images"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := healthy()
			a.layers = registries
			a.bakes = test.bakes
			if !test.hidden {
				a.base(func(i *ec2.AMI) { i.Snapshot = "snap-0aaaaaaaaaaaaaaaa" })
			}

			results, _ := a.run(t, preflight.PlanOf(t, preflight.Least+test.recipe+"\n", nil, nil), stack.Stack{})
			got := preflight.Result{}
			for _, r := range results {
				if r.Name == "space" {
					got = r
				}
			}

			if got.Status != test.status || !strings.Contains(got.Text+"; "+got.Hint, test.text) {
				t.Errorf("%s: %s; %s\nwant %s: %s", got.Status, got.Text, got.Hint, test.status, test.text)
			}
		})
	}
}

// An image that its registry does not have is said before a build has failed for it.
func TestMissingDockerImages(t *testing.T) {
	t.Parallel()
	a := healthy()
	a.layers = fakeRegistry{}
	results, _ := a.run(t, preflight.PlanOf(t, preflight.Least+"docker-images: ['missing:1']\n", nil, nil), stack.Stack{})
	for _, r := range results {
		if r.Name == "Docker image" && r.Status == preflight.Warning && strings.Contains(r.Text, "missing:1 is not in its registry") {
			return
		}
	}
	t.Errorf("it is not said: %v", results)
}

// dataOf makes a snapshot of four blocks.
func dataOf(id string) (ebs.Snapshot, map[int64][]byte) {
	blocks := map[int64][]byte{}
	for index := range int64(4) {
		blocks[index] = make([]byte, 512<<10)
		blocks[index][0] = byte(index + 1)
	}
	return ebs.Snapshot{ID: id, Size: 10}, blocks
}
