package secret

import (
	"cmp"
	"context"
	"iter"
	"os"
	"slices"
)

// Hit is a place on a disk that contains a secret. It never carries the secret.
type Hit struct {
	Secret string // name
	Form   string // plain, base64, hex or percent-encoded
	Offset int64  // bytes from the start of the disk
	Length int    // bytes

	pattern int32
}

// Range is a part of a disk, in bytes.
type Range struct{ Offset, Length int64 }

// Search looks for every pattern of a Set. It is immutable and safe for concurrent use.
type Search struct {
	patterns []pattern
	index    *index
}

func newSearch(patterns []pattern) *Search {
	return &Search{patterns: patterns, index: newIndex(patterns)}
}

// Patterns is the number of different strings that the search looks for.
func (x *Search) Patterns() int { return len(x.patterns) }

// Texts yields the strings that the search looks for, for comparisons with other search programs. The texts are
// secret.
func (x *Search) Texts() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, p := range x.patterns {
			if !yield(p.text) {
				return
			}
		}
	}
}

// Found is the result of searching a disk.
type Found struct {
	// Hits are in the order of their offsets, without those that lie inside another hit of the same secret.
	Hits []Hit
	// More says that the search ended at 100,000 places: the rest of the disk was not looked at.
	More bool
	// Bytes is how much of the disk was read.
	Bytes int64
}

// Disk searches every byte of a raw disk that is not in a hole.
//
// It does not read ranges, in order, that are known to be the base's own blocks: anything inside one of them is also
// in the base, so Except would drop it. It finds occurrences that reach beyond the end of such a range.
func (x *Search) Disk(ctx context.Context, disk *os.File, known ...Range) (Found, error) {
	scan := &diskScan{search: x, disk: disk, known: x.inside(known)}
	if err := scan.run(ctx); err != nil {
		return Found{}, err
	}
	return Found{Hits: outermost(scan.hits), More: scan.more, Bytes: scan.bytes}, nil
}

// inside shortens ranges at both ends so far that a pattern that reaches into the rest lies within the range.
func (x *Search) inside(known []Range) []span {
	margin := int64(0)
	for _, p := range x.patterns {
		margin = max(margin, int64(len(p.text)))
	}

	margin = (margin + wordSize) &^ (wordSize - 1)
	var spans []span
	for _, k := range known {
		if inner := (span{(k.Offset + margin + wordSize - 1) &^ (wordSize - 1), k.Offset + k.Length - margin}); inner.start < inner.end {
			spans = append(spans, inner)
		}
	}

	return spans
}

// Except returns the hits whose text is nowhere in the base: the bake did not leak what was there before. It reads
// the base only if there are hits.
func (x *Search) Except(ctx context.Context, base *os.File, hits []Hit) ([]Hit, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	var asked []pattern

	at := map[int32]int32{} // pattern of x → of the narrower search
	for _, hit := range hits {
		if _, ok := at[hit.pattern]; !ok {
			at[hit.pattern] = int32(len(asked))
			asked = append(asked, x.patterns[hit.pattern])
		}
	}

	scan := &diskScan{search: newSearch(asked), disk: base}
	if err := scan.run(ctx); err != nil {
		return nil, err
	}
	held := map[int32]bool{}
	for _, hit := range scan.hits {
		held[hit.pattern] = true
	}

	return slices.DeleteFunc(slices.Clone(hits), func(h Hit) bool { return held[at[h.pattern]] }), nil
}

// outermost sorts hits by offset and drops those inside another one of the same secret. Except loses nothing by that:
// a base that contains the outer text contains the inner one.
func outermost(hits []Hit) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length), cmp.Compare(a.pattern, b.pattern))
	})
	end := map[string]int64{} // how far the hits of a secret reach so far
	return slices.DeleteFunc(hits, func(h Hit) bool {
		reach := h.Offset + int64(h.Length)
		if reach <= end[h.Secret] {
			return true
		}
		end[h.Secret] = reach
		return false
	})
}
