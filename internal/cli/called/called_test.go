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
