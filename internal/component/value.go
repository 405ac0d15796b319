package component

import (
	"strings"
	"unicode/utf8"

	"image-builder/internal/finding"
)

// Shape is what a YAML value is made of.
type Shape int

// The shapes of values. Null is an empty value, `~` or `null`.
const (
	Null Shape = iota
	Scalar
	List
	Map
)

func (s Shape) String() string {
	return [...]string{"nothing", "a text", "a list", "a map"}[s]
}

// Value is a YAML value with its place in the file. Scalars keep the text as it was written: 0755 stays "0755".
type Value struct {
	Shape Shape
	Text  string
	// At is where the value starts; Length is its runes on that line (0: unknown).
	At     finding.Position
	Length int
	// Style is '|', '>', '"', '\'' or 0 for a plain scalar.
	Style   rune
	Items   []*Value
	Entries []Entry
}

// Entry is one key of a map.
type Entry struct {
	Key, Value *Value
}

// Get returns the value of a key of a map; nil if there is none.
func (v *Value) Get(key string) *Value {
	if v == nil {
		return nil
	}
	for _, entry := range v.Entries {
		if entry.Key.Text == key {
			return entry.Value
		}
	}
	return nil
}

// Scalars calls visit for every scalar value in v, except keys, in file order.
func (v *Value) Scalars(visit func(*Value)) {
	if v == nil {
		return
	}

	if v.Shape == Scalar {
		visit(v)
	}

	for _, item := range v.Items {
		item.Scalars(visit)
	}

	for _, entry := range v.Entries {
		entry.Value.Scalars(visit)
	}
}

// Literal is a scalar of the document with its place. The zero Literal means not given.
type Literal struct {
	Value  string
	At     finding.Position
	Length int
}

func (t Literal) String() string { return t.Value }

func textOf(v *Value) Literal {
	return Literal{Value: v.Text, At: v.At, Length: v.Length}
}

// source is the text of a document by lines.
type source struct {
	text  string
	lines []string
}

func newSource(text []byte) *source {
	s := &source{text: string(text)}
	s.lines = strings.Split(s.text, "\n")
	return s
}

// locate returns the place in the file of the byte at an offset of a scalar's text.
func (s *source) locate(v *Value, offset int) finding.Position {
	if v.Style == '|' {
		return s.locateLiteral(v, offset)
	}
	snippet := snippetAt(v.Text, offset)
	if snippet == "" {
		return v.At
	}
	if at, ok := s.find(v, snippet, strings.Count(v.Text[:offset], snippet)); ok {
		return at
	}

	return v.At
}

// locateLiteral counts lines: a literal block keeps every line of the file, without the indentation.
func (s *source) locateLiteral(v *Value, offset int) finding.Position {
	before := v.Text[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	line, _, _ := strings.Cut(v.Text[start:], "\n")
	at := v.At
	at.Line += 1 + strings.Count(before, "\n")
	at.Column = 0
	if at.Line <= len(s.lines) {
		written := s.lines[at.Line-1]
		if i := strings.Index(written, line); i >= 0 {
			at.Column = utf8.RuneCountInString(written[:i]) + utf8.RuneCountInString(before[start:]) + 1
		}
	}

	return at
}

// find looks for the nth (from 0) snippet at or after the start of v.
func (s *source) find(v *Value, snippet string, n int) (finding.Position, bool) {
	for i := v.At.Line - 1; i >= 0 && i < len(s.lines); i++ {
		line := s.lines[i]
		from := 0

		if i == v.At.Line-1 {
			from = byteColumn(line, v.At.Column)
		}

		for {
			j := strings.Index(line[from:], snippet)
			if j < 0 {
				break
			}
			if n == 0 {
				at := v.At
				at.Line = i + 1
				at.Column = utf8.RuneCountInString(line[:from+j]) + 1
				return at, true
			}

			n--
			from += j + len(snippet)
		}
	}

	return finding.Position{}, false
}

func byteColumn(line string, column int) int {
	for i := range line {
		column--
		if column == 0 {
			return i
		}
	}
	return len(line)
}

// snippetAt is the part of the text at an offset that is certainly on one line of the file: a reference, or the text
// up to a break.
func snippetAt(text string, offset int) string {
	rest := text[offset:]
	if strings.HasPrefix(rest, "{{") {
		if end := strings.Index(rest, "}}"); end > 0 && !strings.Contains(rest[:end], "\n") {
			return rest[:end+2]
		}
	}

	end := strings.IndexAny(rest, "\n\"'\\")
	if end < 0 {
		end = len(rest)
	}

	return rest[:min(end, 80)]
}
