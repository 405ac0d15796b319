package bootmap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// blamed is how many files a message names.
const blamed = 3

// Blame says what the machine waited for most: "it waited 25.0s for storage, most for /a (3.0s), /b (2.8s)"; "" if for nothing.
func (m Map) Blame() string {
	files := slices.Clone(m.Files)
	slices.SortStableFunc(files, func(x, y File) int { return cmp.Compare(y.Waited, x.Waited) })
	var named []string
	for _, file := range files[:min(len(files), blamed)] {
		if file.Waited > 0 {
			named = append(named, fmt.Sprintf("%s (%.1fs)", file.What, file.Waited))
		}
	}

	if len(named) == 0 {
		return ""
	}
	return fmt.Sprintf("it waited %.1fs for storage, most for %s", m.Waited, strings.Join(named, ", "))
}
