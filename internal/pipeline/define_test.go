package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/bake"
	"image-builder/internal/component"
	"image-builder/internal/image"
	"image-builder/internal/recipe"
)

func TestDocumentsRunInTheOrderInWhichTheyNeedEachOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own := filepath.Join(dir, "own.yml")

	script := filepath.Join(dir, "script.sh")
	for _, name := range []string{own, script} {
		if err := os.WriteFile(name, []byte("text of "+filepath.Base(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	c, err := Pipeline{}.read(t.Context(), &recipe.Recipe{
		Name: "all", Bootstrap: script, Packages: []string{"jq", "npm:yarn"}, GitMirrors: []string{"git@example.com:a/b.git"},
		DockerImages: []string{"alpine"}, Components: []recipe.Component{{Document: own, Parameters: []component.Parameter{{Name: "A", Value: "1"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}

	type run struct{ Document, Parameter, Value string }
	var got []run
	for _, document := range c.documents {
		got = append(got, run{document.Name, document.Parameters[0].Name, document.Parameters[0].Value})
	}

	want := []run{
		{"packages.yml", "Packages", "jq npm:yarn"},
		{"git-mirrors.yml", "Repositories", "git@example.com:a/b.git"},
		{"docker-images.yml", "Images", "alpine"},
		{"own.yml", "A", "1"},
		{"bootstrap.yml", "BootstrapScriptUrl", bake.ScriptURL},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	if string(c.script) != "text of script.sh" {
		t.Errorf("script is %q", c.script)
	}
}

// What a recipe names is read before a run is opened or a base is made.
func TestNothingIsMadeForAnUnreadableRecipe(t *testing.T) {
	t.Parallel()
	p := Pipeline{
		Bases: bases(func() { t.Error("the base was resolved") }),
		NewRun: func(context.Context) (Run, Place, error) {
			t.Error("a run was opened")
			return nil, Place{}, errors.New("no")
		},
	}

	missing := filepath.Join(t.TempDir(), "missing")
	for name, r := range map[string]*recipe.Recipe{
		"script":    {Bootstrap: missing},
		"component": {Components: []recipe.Component{{Document: missing}}},
	} {
		if _, err := p.Run(t.Context(), r, Options{}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: error is %v, want that the file does not exist", name, err)
		}
	}
}

type bases func()

func (b bases) Resolve(context.Context, string) (image.Base, error) {
	b()
	return image.Base{}, nil
}
