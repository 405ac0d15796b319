package lint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRealisticDocuments checks documents of the kinds that people write: they must yield no finding.
func TestRealisticDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/documents/*")
	if err != nil || len(files) < 18 {
		t.Fatalf("%d documents, %v", len(files), err)
	}

	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			result, err := linter().File(file)
			if err != nil {
				t.Fatal(err)
			}
			if result.Kind != Document {
				t.Errorf("taken for a %s", result.Kind)
			}

			for _, f := range result.Findings {
				t.Error(f)
			}
		})
	}
}

// TestRecipeBringsItsFiles checks the files that a recipe names along with it.
func TestRecipeBringsItsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"recipe.yml": "base: debian:bookworm\nbootstrap: run.sh\nsecrets: ./secrets\ncomponents: [a.yml, {path: b.yml, parameters: {Colour: red}}]\n",
		"run.sh":     "#!/bin/bash\napt-get update\necho done\n",
		"a.yml":      documentOf("ls $HOME"),
		"b.yml":      "schemaVersion: 1.0\nparameters: [{Color: {type: string}}]\nphases: [{name: build, steps: []}]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	result, err := linter().File(filepath.Join(dir, "recipe.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Findings {
		got = append(got, fmt.Sprintf("%s:%d %s %s", filepath.Base(f.File), f.Line, f.Severity, f.Code))
	}

	want := []string{
		"recipe.yml:3 warning IB504", "run.sh:2 warning IB401", "a.yml:10 warning IB408",
		"recipe.yml:4 error IB516", "recipe.yml:4 error IB516",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

// TestEmptyFile finds one fault in a file without content, and says that the other files cannot be checked.
func TestEmptyFile(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " \n", "# nothing yet\n", "---\n# nothing\n...\n", "\xef\xbb\xbf"} {
		result, err := linter().Text("x.yml", []byte(text))
		if err != nil || len(result.Findings) != 1 || result.Findings[0].Line != 1 || result.Findings[0].Message != "the document is empty" {
			t.Errorf("%q: %v, %v", text, result.Findings, err)
		}
	}
	if _, err := linter().Text("x.yml", []byte("hello\n")); !errors.Is(err, ErrKind) {
		t.Errorf("got %v", err)
	}
}
