package component

import (
	"cmp"
	"slices"
	"strings"

	"image-builder/internal/finding"
)

// report collects findings.
type report struct {
	file     string
	findings finding.List
}

// maxFindings bounds the findings of one document.
const maxFindings = 500

func (p *report) add(f finding.Finding) {
	if !p.full() {
		p.findings = append(p.findings, f)
	}
}

func (p *report) full() bool { return len(p.findings) >= maxFindings }

func (p *report) errorAt(code finding.Code, at finding.Position, message, right string) {
	p.add(finding.Finding{Code: code, Position: at, Message: message, Right: right})
}

// fault reports an error at v.
func (p *report) fault(code finding.Code, v *Value, message, right string) {
	p.add(finding.Finding{Code: code, Position: v.At, Length: v.Length, Message: message, Right: right})
}

// warn reports something at v that runs, but deserves a look.
func (p *report) warn(code finding.Code, v *Value, message, right string) {
	p.add(finding.Finding{Code: code, Severity: finding.Warning, Position: v.At, Length: v.Length, Message: message, Right: right})
}

// place turns a Literal into a value, for findings.
func place(t Literal) *Value { return &Value{Shape: Scalar, Text: t.Value, At: t.At, Length: t.Length} }

func sortFindings(list finding.List) finding.List {
	slices.SortStableFunc(list, func(a, b finding.Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code))
	})
	return list
}

// didYouMean advises on an unknown word: it names the nearest known one, or else all of them.
func didYouMean(word string, known []string) string {
	if near := finding.Nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	if len(known) > 12 {
		return "the documentation lists them: " + known[0] + " to " + known[len(known)-1]
	}
	return "known here: " + strings.Join(known, ", ")
}
