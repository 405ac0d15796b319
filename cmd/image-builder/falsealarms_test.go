//go:build falsealarms

package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"image-builder/internal/secret/secrettest"
	"image-builder/internal/testbed/gitserver"
)

// TestFalseAlarms bakes what the ready-made components bring besides the whole corpus of credential files, and counts
// the places that the search takes for a secret: there must not be any. The packages are those of
// testdata/falsealarms/packages, and the Docker images are Debian with what such images hold, pulled by a real Docker
// daemon in the bake from a registry on loopback. It takes half an hour and 30 GiB, and downloads 2 GiB from Debian.
func TestFalseAlarms(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	server, err := gitserver.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	files, err := secrettest.Files()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"private_ssh_key": string(server.PrivateKey), "known_hosts": string(server.KnownHosts)}
	for _, file := range files {
		values[strings.NewReplacer("/", "-", ".", "-").Replace(file.Name)] = string(file.Text)
	}

	packages, err := os.ReadFile("testdata/falsealarms/packages")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(packages))
	images := pushDebianImages(t)
	recipe := filepath.Join(t.TempDir(), "recipe.yml")
	text := fmt.Sprintf(`name: alarms
base: debian:bookworm
disk: 24GiB
timeout: 1h
secrets: %s
packages: [%s]
git-mirrors: [%q]
docker-images: [%s]
`,
		b.secrets(values), strings.Join(names, ", "), server.URL, strings.Join(images, ", "))
	if err := os.WriteFile(recipe, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	img := b.show(b.run("bake", recipe))
	t.Logf("%d secrets, %d packages asked for, %d Docker images: %+v", len(values), len(names), len(images), *img.Searched)
	b.checkHostClean()
}

// pushDebianImages serves a registry on loopback with an image for each line of testdata/falsealarms/images: Debian
// with these packages, in two layers.
func pushDebianImages(t *testing.T) []string {
	t.Helper()
	blobs := registry.NewDiskBlobHandler(t.TempDir())
	server := httptest.NewServer(registry.New(registry.WithBlobHandler(blobs)))
	t.Cleanup(server.Close)
	lines, err := os.ReadFile("testdata/falsealarms/images")
	if err != nil {
		t.Fatal(err)
	}

	var references []string
	for line := range strings.Lines(string(lines)) {
		label, packages, _ := strings.Cut(strings.TrimSpace(line), " ")
		layer := filepath.Join(t.TempDir(), "layer.tar")
		out, err := exec.CommandContext(t.Context(), "mmdebstrap", "--variant=minbase", "--include="+strings.Join(strings.Fields(packages), ","), "bookworm", layer).CombinedOutput()
		if err != nil {
			t.Fatalf("make the image %s: %v: %s", label, err, out)
		}
		references = append(references, pushLayer(t, strings.TrimPrefix(server.URL, "http://")+"/acme/"+label+":1", layer))
	}
	return references
}

func pushLayer(t *testing.T, reference, file string) string {
	t.Helper()
	layer, err := tarball.LayerFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}

	config = config.DeepCopy()
	config.OS = "linux"
	config.Architecture = "amd64"
	img, err = mutate.ConfigFile(img, config)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return reference
}
