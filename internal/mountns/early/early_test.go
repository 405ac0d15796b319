package early

import (
	"strings"
	"testing"
)

func TestOnlyABakeEntersEarly(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"image-builder bake recipe.yml":                          true,
		"image-builder --json --data-dir data bake recipe.yml":   true,
		"image-builder --data-dir=data bake recipe.yml":          true,
		"image-builder --data-dir bake image list":               false,
		"image-builder component run bake":                       false,
		"image-builder lint bake":                                false,
		"image-builder":                                          false,
		"image-builder --data-dir":                               false,
		"":                                                       false,
		"/usr/bin/bake image list":                               false,
		"/usr/bin/image-builder bake --data-dir data recipe.yml": true,
	} {
		if got := bakes(strings.Fields(line)); got != want {
			t.Errorf("%q is a bake: %v, want %v", line, got, want)
		}
	}
}
