package called

import (
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"bake recipe.yml":                        "bake",
		"--json --data-dir data bake recipe.yml": "bake",
		"--data-dir=data bake recipe.yml":        "bake",
		"--data-dir bake image list":             "image",
		"--data-dir --json bake":                 "bake",
		"component run bake":                     "component",
		"bake --data-dir data recipe.yml":        "bake",
		"--version":                              "",
		"--data-dir":                             "",
		"":                                       "",
	} {
		if got := Command(strings.Fields(line)); got != want {
			t.Errorf("the command of %q is %q, want %q", line, got, want)
		}
	}
}

func TestSubcommand(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"image test latest":                 "test",
		"--json --data-dir data image test": "test",
		"--data-dir image test latest":      "latest",
		"image --json test latest":          "",
		"image":                             "",
		"--version":                         "",
		"":                                  "",
	} {
		if got := Subcommand(strings.Fields(line)); got != want {
			t.Errorf("the subcommand of %q is %q, want %q", line, got, want)
		}
	}
}
