package component

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"image-builder/internal/finding"
)

// report gathers findings.
type report struct {
	file     string
	findings finding.List
}

// maxFindings bounds what one document can make us say.
const maxFindings = 500

func (r *report) add(f finding.Finding) {
	if len(r.findings) < maxFindings {
		r.findings = append(r.findings, f)
	}
}

func (r *report) errorAt(code finding.Code, at finding.Position, message, right string) {
	r.add(finding.Finding{Code: code, Position: at, Message: message, Right: right})
}

// fault reports an error that stands at v.
func (r *report) fault(code finding.Code, v *Value, message, right string) {
	r.add(finding.Finding{Code: code, Position: v.At, Length: v.Length, Message: message, Right: right})
}

// warn reports something at v that runs, but deserves a look.
func (r *report) warn(code finding.Code, v *Value, message, right string) {
	r.add(finding.Finding{Code: code, Severity: finding.Warning, Position: v.At, Length: v.Length, Message: message, Right: right})
}

// place makes a Literal usable where a finding wants a value.
func place(t Literal) *Value { return &Value{Shape: Scalar, Text: t.Value, At: t.At, Length: t.Length} }

func sortFindings(list finding.List) finding.List {
	slices.SortStableFunc(list, func(a, b finding.Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code))
	})
	return list
}

// nearest returns the known word that word was probably meant to be; "" if none is near.
func nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	lower, best, bound := strings.ToLower(word), "", max(1, len(word)/3)
	for _, candidate := range known {
		distance := levenshtein.ComputeDistance(lower, strings.ToLower(candidate))
		if distance <= bound {
			best, bound = candidate, distance-1
		}
	}
	return best
}

// didYouMean is the advice for an unknown word: the nearest known one, else all of them.
func didYouMean(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	if len(known) > 12 {
		return "the documentation lists them: " + known[0] + " to " + known[len(known)-1]
	}
	return "known here: " + strings.Join(known, ", ")
}
