package imagepipeline

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// NewestFirst sorts images; of those made at the same moment, the higher version is the newer.
func NewestFirst(images []Image) []Image {
	images = slices.Clone(images)
	slices.SortFunc(images, func(a, b Image) int {
		return cmp.Or(b.Created.Compare(a.Created), slices.Compare(numbers(b.Version), numbers(a.Version)))
	})
	return images
}

// numbers returns the numbers of a version, 1.0.4/1.
func numbers(version string) []int {
	var found []int
	for _, part := range strings.FieldsFunc(version, func(r rune) bool { return r == '.' || r == '/' }) {
		n, _ := strconv.Atoi(part) // what is not a number comes first
		found = append(found, n)
	}
	return found
}
