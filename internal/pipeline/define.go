//go:build linux

package pipeline

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"image-builder/internal/bake"
	"image-builder/internal/component"
	"image-builder/internal/recipe"
	"image-builder/internal/s3uri"
	"image-builder/templates"
)

// define reads everything that the recipe names, so that a missing file or secret is reported before anything is created.
func (p Pipeline) define(ctx context.Context, r *recipe.Recipe, o Options) (bake.Definition, error) {
	digest, err := r.Digest()
	if err != nil {
		return bake.Definition{}, err
	}
	d := bake.Definition{
		Name: r.Name, RecipeDigest: digest, Buckets: o.Buckets, Env: o.Env, DiskSize: r.Disk,
		AllowLeak: r.AllowLeak, Parameter: r.Output, Timeout: r.Timeout, KeepFailed: o.KeepFailed, Credentials: o.Credentials,
	}

	if r.Secrets != "" {
		d.Secrets, err = p.Secrets.Secrets(ctx, r.Secrets)
		if err != nil {
			return bake.Definition{}, fmt.Errorf("read secrets: %w", err)
		}
	}

	d.Documents, err = p.documents(ctx, r)
	if err != nil {
		return bake.Definition{}, err
	}

	if r.Bootstrap != "" && !s3uri.Is(r.Bootstrap) {
		d.Script, err = os.ReadFile(r.Bootstrap)
		if err != nil {
			return bake.Definition{}, fmt.Errorf("read bootstrap script: %w", err)
		}
	}

	return d, nil
}

// documents puts the component documents into the order in which they run: packages first, since the others may
// need them, and the bootstrap script last, since it is for what is left.
func (p Pipeline) documents(ctx context.Context, r *recipe.Recipe) ([]bake.Document, error) {
	before, err := readyMade(
		use{"packages.yml", "Packages", strings.Join(r.Packages, " ")},
		use{"git-mirrors.yml", "Repositories", strings.Join(r.GitMirrors, " ")},
		use{"docker-images.yml", "Images", strings.Join(r.DockerImages, " ")})
	if err != nil {
		return nil, err
	}

	own, err := p.components(ctx, r.Components)
	if err != nil {
		return nil, err
	}
	last, err := readyMade(use{"bootstrap.yml", "BootstrapScriptUrl", scriptURL(r.Bootstrap)})

	return slices.Concat(before, own, last), err
}

// use is a ready-made component and what the recipe asks of it; "" leaves it out.
type use struct{ document, parameter, value string }

func readyMade(uses ...use) ([]bake.Document, error) {
	var documents []bake.Document
	for _, u := range uses {
		if u.value == "" {
			continue
		}
		text, err := templates.Files.ReadFile("components/" + u.document)
		if err != nil {
			return nil, fmt.Errorf("read ready-made component: %w", err)
		}
		documents = append(documents, bake.Document{
			Name: u.document, Text: text, Parameters: []component.Parameter{{Name: u.parameter, Value: u.value}},
		})
	}

	return documents, nil
}

func (p Pipeline) components(ctx context.Context, components []recipe.Component) ([]bake.Document, error) {
	var documents []bake.Document
	for _, c := range components {
		text, err := p.read(ctx, c.Document)
		if err != nil {
			return nil, fmt.Errorf("read component document: %w", err)
		}
		documents = append(documents, bake.Document{Name: path.Base(c.Document), Text: text, Parameters: slices.Clone(c.Parameters)})
	}
	return documents, nil
}

func (p Pipeline) read(ctx context.Context, name string) ([]byte, error) {
	if s3uri.Is(name) {
		return p.Objects.Object(ctx, name)
	}
	return os.ReadFile(name)
}

func scriptURL(bootstrap string) string {
	if bootstrap == "" || s3uri.Is(bootstrap) {
		return bootstrap
	}
	return bake.ScriptURL
}
