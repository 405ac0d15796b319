package registry_test

import (
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	server "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"image-builder/internal/image"
	"image-builder/internal/registry"
)

// index serves an image for two architectures, with two layers and three, and returns its reference and their sizes.
func index(t *testing.T) (reference string, sizes map[image.Arch]int64) {
	t.Helper()
	listening := httptest.NewServer(server.New(server.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(listening.Close)

	var both v1.ImageIndex = empty.Index
	sizes = map[image.Arch]int64{}
	for n, arch := range []image.Arch{image.X86_64, image.ARM64} {
		one, err := random.Image(1000*int64(n+1), int64(n+2))
		if err != nil {
			t.Fatal(err)
		}
		layers, err := one.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for _, layer := range layers {
			size, err := layer.Size()
			if err != nil {
				t.Fatal(err)
			}
			sizes[arch] += size
		}

		platform := map[image.Arch]string{image.X86_64: "amd64", image.ARM64: "arm64"}[arch]
		both = mutate.AppendManifests(both, mutate.IndexAddendum{Add: one, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: platform}}})
	}

	reference = strings.TrimPrefix(listening.URL, "http://") + "/acme/tool:1.0"
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, both); err != nil {
		t.Fatal(err)
	}

	return reference, sizes
}

func TestLayers(t *testing.T) {
	t.Parallel()
	reference, sizes := index(t)
	for arch, want := range sizes {
		layers, err := registry.Registries{}.Layers(t.Context(), reference, arch)
		var got int64
		for _, size := range layers {
			got += size
		}
		if err != nil || got != want || got == 0 {
			t.Errorf("%s: %d bytes, %v; want %d", arch, got, err, want)
		}
	}

	missing := strings.Replace(reference, "tool", "other", 1)
	if _, err := (registry.Registries{}).Layers(t.Context(), missing, image.X86_64); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("an image that is not there: %v", err)
	}
	if _, err := (registry.Registries{}).Layers(t.Context(), "127.0.0.1:1/acme/tool:1.0", image.X86_64); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a registry that does not answer: %v", err)
	}
}
