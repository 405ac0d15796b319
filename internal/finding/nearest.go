package finding

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest returns the candidate that a misspelt word most likely means; "" if none is near.
func Nearest(word string, candidates []string) string {
	// Two edits are a swap of neighbours; words of three letters are too short for two.
	best := ""
	distance := 1 + min(max(2, len(word)/3), len(word)/2)
	for _, candidate := range candidates {
		if d := levenshtein.ComputeDistance(fold(word), fold(candidate)); d < distance {
			best = candidate
			distance = d
		}
	}
	return best
}

// fold makes GitMirrors, git_mirrors and git-mirrors the same word.
func fold(word string) string {
	if len(word) > 64 {
		word = word[:64]
	}
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(word))
}
