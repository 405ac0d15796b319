package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"image-builder/internal/testbed/gitserver"
)

// TestReadyMadeComponents bakes everything that a recipe offers without a script, and inspects the image.
func TestReadyMadeComponents(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)

	server := gitserver.Serve(t)

	secrets := b.secrets(map[string]string{"private_ssh_key": string(server.PrivateKey), "known_hosts": string(server.KnownHosts)})
	recipe := filepath.Join(t.TempDir(), "recipe.yml")

	text := fmt.Sprintf(`name: everything
base: debian:bookworm
disk: 4GiB
secrets: %s
packages: [docker.io, tree]
git-mirrors: [%q]
docker-images: [%s]
`, secrets, server.URL, pushRandomImage(t))
	if err := os.WriteFile(recipe, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	b.run("lint", recipe)
	id := b.run("bake", recipe)

	look := b.script(
		"tree --version",
		"git -c safe.directory='*' -C /var/lib/buildkite-agent/git-mirrors/"+b.run("mirror-name", server.URL)+" rev-parse "+server.Commit,
		"ls -d /var/lib/docker/2000.990/image/overlay2/imagedb/content/sha256/*",
		`test "$(df --output=size -B1 / | tail -1)" -gt 3500000000`,
	)

	b.run("bake", look, "--base", id)
	b.checkHostClean()
}

// pushRandomImage serves a registry on loopback and returns the reference of an image in it.
func pushRandomImage(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)

	img, err := random.Image(64<<10, 2)
	if err != nil {
		t.Fatal(err)
	}
	reference := strings.TrimPrefix(server.URL, "http://") + "/acme/tools:1"
	tag, err := name.NewTag(reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}

	if err := remote.Write(tag, img, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return reference
}
