package component

import (
	"fmt"
	"slices"

	"image-builder/internal/finding"
)

// keys returns the entries of a map by key. An unknown key is a fault. If it resembles a known key, or is the only
// one besides the only missing required key, it counts as that key, so that one mistake has one finding.
func (p *report) keys(v *Value, where string, code finding.Code, known []string, required ...string) map[string]Entry {
	entries := make(map[string]Entry, len(v.Entries))
	var unknown []Entry
	for _, entry := range v.Entries {
		if slices.Contains(known, entry.Key.Text) {
			entries[entry.Key.Text] = entry
		} else {
			unknown = append(unknown, entry)
		}
	}

	for _, entry := range unknown {
		if p.full() {
			break
		}
		meant := finding.Nearest(entry.Key.Text, known)
		right := didYouMean(entry.Key.Text, known)

		if missing := absent(entries, required); meant == "" && len(unknown) == 1 && len(missing) == 1 && fits(missing[0], entry.Value) {
			meant = missing[0]
			right = "did you mean " + missing[0] + "?"
		}

		p.fault(code, entry.Key, fmt.Sprintf("%s has no %q", where, keyText(entry.Key)), right)
		if meant != "" && entries[meant].Key == nil {
			entries[meant] = entry
		}
	}

	return entries
}

func absent(entries map[string]Entry, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return entries[name].Key != nil })
}

// fits reports whether a value has the shape that a key takes.
func fits(key string, v *Value) bool {
	if key == "steps" || key == "phases" {
		return v.Shape == List
	}
	return v.Shape == Scalar
}

func keyText(key *Value) string {
	if key.Shape == Scalar {
		return key.Text
	}
	return key.Shape.String()
}
