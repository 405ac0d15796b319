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
	"image-builder/internal/image"
	"image-builder/internal/recipe"
	"image-builder/internal/s3uri"
	"image-builder/internal/secret"
	"image-builder/templates"
)

// contents are what the files, objects and secrets that a recipe names hold.
type contents struct {
	digest    string
	secrets   []secret.Secret
	documents []bake.Document
	script    []byte // nil: the recipe has none, or it is in a bucket
}

// read reads everything that the recipe names, so that a missing file or secret is reported before anything is created.
func (p Pipeline) read(ctx context.Context, r *recipe.Recipe) (c contents, err error) {
	c.digest, err = r.Digest()
	if err != nil {
		return contents{}, err
	}

	if r.Secrets != "" {
		c.secrets, err = p.Secrets.Read(ctx, r.Secrets)
		if err != nil {
			return contents{}, fmt.Errorf("read secrets: %w", err)
		}
	}

	c.documents, err = p.documents(ctx, r)
	if err != nil {
		return contents{}, err
	}

	if r.Bootstrap != "" && !s3uri.Is(r.Bootstrap) {
		c.script, err = os.ReadFile(r.Bootstrap)
		if err != nil {
			return contents{}, fmt.Errorf("read bootstrap script: %w", err)
		}
	}

	return c, nil
}

// define puts together what is baked, from what, and where.
func define(r *recipe.Recipe, o Options, c contents, base image.Base, place Place) bake.Definition {
	return bake.Definition{
		ID: place.ID, Name: r.Name, Base: base, RecipeDigest: c.digest,
		Documents: c.documents, Script: c.script, Secrets: c.secrets,
		Buckets: o.Buckets, Env: o.Env, Credentials: o.Credentials, KeepFailed: o.KeepFailed,
		DiskSize: r.Disk, AllowLeak: r.AllowLeak, Parameter: r.Output, Timeout: r.Timeout,
		Dir: place.Dir, Logs: place.Logs,
	}
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
		text, err := p.text(ctx, c.Document)
		if err != nil {
			return nil, fmt.Errorf("read component document: %w", err)
		}
		documents = append(documents, bake.Document{Name: path.Base(c.Document), Text: text, Parameters: slices.Clone(c.Parameters)})
	}
	return documents, nil
}

func (p Pipeline) text(ctx context.Context, name string) ([]byte, error) {
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
