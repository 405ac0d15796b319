// Package finding says what is wrong with a file that a person wrote: which rule, where, and what would be right.
//
// Every check in the project returns findings (component documents, recipes, CloudFormation templates). The package
// only carries and prints them; it never decides what is right and never reads a file.
package finding

import (
	"fmt"

	"image-builder/internal/fault"
)

// Severity separates errors, which make the file unusable, from warnings.
type Severity int

// A Warning causes trouble later, or only in some places; an Error is wrong everywhere.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Position is a place in a file. Lines and columns count from 1, columns in runes; 0 means not known.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Code names a rule for ever: "IB101". Codes are never reused.
type Code string

// Finding is one fault at one place.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"-"`
	Position
	// Length is how many runes from Column on are wrong; 0 means not known.
	Length int `json:"length,omitempty"`
	// Message states what is wrong.
	Message string `json:"message"`
	// Right states what would be right, as an instruction ("write 1.0", "did you mean ExecuteBash?").
	Right string `json:"right,omitempty"`
}

// Error makes a finding a Go error: one line, position first.
func (f Finding) Error() string {
	text := fmt.Sprintf("%s: %s (%s)", f.Position, f.Message, f.Code)
	if f.Right != "" {
		text += ": " + f.Right
	}
	return text
}

// Class is that of bad input.
func (f Finding) Class() fault.Class { return fault.BadInput }

// Hint says what would be right.
func (f Finding) Hint() string { return f.Right }

// List is findings in the order of their positions in the file.
type List []Finding

// Errors counts the findings that make the file unusable.
func (l List) Errors() int {
	n := 0
	for _, f := range l {
		if f.Severity == Error {
			n++
		}
	}
	return n
}
