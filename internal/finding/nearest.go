package finding

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest returns the candidate that a misspelt word most likely means; "" if none is near.
func Nearest(word string, candidates []string) string {
	best := ""
	distance := 1 + tolerance(word)
	for _, candidate := range candidates {
		d := levenshtein.ComputeDistance(fold(word), fold(candidate))
		if d == 2 && sameLetters(word, candidate) {
			d = 1
		}
		if d < distance {
			best = candidate
			distance = d
		}
	}

	return best
}

// tolerance is how many edits a misspelling of a word may have. More would suggest words that only look alike.
func tolerance(word string) int {
	n := len(word)
	switch {
	case n < 5:
		return 1
	case n < 9:
		return 2
	default:
		return n / 3
	}
}

// sameLetters reports whether one word has the letters of the other, as when neighbours are swapped.
func sameLetters(a, b string) bool {
	letters := func(word string) string {
		runes := []rune(fold(word))
		slices.Sort(runes)
		return string(runes)
	}
	return letters(a) == letters(b)
}

// fold makes GitMirrors, git_mirrors and git-mirrors the same word.
func fold(word string) string {
	if len(word) > 64 {
		word = word[:64]
	}
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(word))
}
