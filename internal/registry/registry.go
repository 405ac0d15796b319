// Package registry asks Docker registries how large images are, over HTTP, with the credentials of this machine's
// Docker client. It reads manifests only: it never pulls a layer, and it changes nothing.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"image-builder/internal/image"
)

// Registries are the registries that image references name.
type Registries struct{}

// Layers returns the size of each layer of an image for Linux, in bytes as the registry sends it, compressed, by its
// digest. The error is an fs.ErrNotExist if the registry does not have the image.
// https://github.com/opencontainers/image-spec/blob/main/manifest.md
func (Registries) Layers(ctx context.Context, reference string, arch image.Arch) (map[string]int64, error) {
	where, err := name.ParseReference(reference)
	if err != nil {
		return nil, fmt.Errorf("read image reference %s: %w", reference, err)
	}
	platform := v1.Platform{OS: "linux", Architecture: architectures[arch]}

	picture, err := remote.Image(where, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithPlatform(platform))
	if err != nil {
		return nil, explain(reference, err)
	}
	manifest, err := picture.Manifest()
	if err != nil {
		return nil, explain(reference, err)
	}

	sizes := map[string]int64{}
	for _, layer := range manifest.Layers {
		sizes[layer.Digest.String()] = layer.Size
	}

	return sizes, nil
}

// architectures are EC2's in the registries' words.
var architectures = map[image.Arch]string{image.X86_64: "amd64", image.ARM64: "arm64"}

func explain(reference string, err error) error {
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return fmt.Errorf("ask the registry about %s: %w", reference, err)
}
