package early

import (
	"strings"
	"testing"
)

// What enters a mount namespace in any case does so early, and nothing else does.
func TestEnters(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"bake recipe.yml":                   true,
		"--data-dir data image test latest": true,
		"image list":                        false,
		"image --json test latest":          false, // the command does it, later
		"component run document.yml":        false,
		"publish --name bake latest":        false,
		"--data-dir bake image show image":  false,
		"":                                  false,
	} {
		if got := enters(strings.Fields(line)); got != want {
			t.Errorf("%q enters early: %t, want %t", line, got, want)
		}
	}
}
