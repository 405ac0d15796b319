package lint

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// place is a line and column of a file, from 1; columns in runes.
type place struct{ line, column int }

// span is text taken out of a file, with the place of each of its runes in the file.
type span struct {
	runes  []rune
	places []place
	// filled marks runes that stand for something only a deployment knows.
	filled []bool
}

func (s *span) add(r rune, at place, filled bool) {
	s.runes = append(s.runes, r)
	s.places = append(s.places, at)
	s.filled = append(s.filled, filled)
}

// at returns the place in the file of the rune at a line and column of the span's own text.
func (s *span) at(line, column int) place {
	row := 1
	for i, r := range s.runes {
		if row == line && (column <= 1 || r == '\n') {
			return s.places[i]
		}
		if row == line {
			column--
		}
		if r == '\n' {
			row++
		}
	}

	if len(s.places) == 0 {
		return place{}
	}
	return s.places[len(s.places)-1]
}

// touchesFill reports whether any of length runes from a line and column on stands for something unknown.
func (s *span) touchesFill(line, column, length int) bool {
	row := 1
	for i, r := range s.runes {
		if row == line {
			column--
			if column < 1 && s.filled[i] && column > -max(length, 1) {
				return true
			}
		}
		if r == '\n' {
			row++
		}
	}

	return false
}

// scalarSpan finds the place of every rune of a scalar by reading the scalar's source again, in step with its value.
func scalarSpan(lines [][]rune, node *yaml.Node) *span {
	s := &span{}
	c := &cursor{lines: lines, line: node.Line, column: node.Column}
	switch {
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		c.startBlock()
	case node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		c.startQuoted()
	}

	for _, r := range node.Value {
		s.add(r, c.next(r, node.Style), false)
	}

	return s
}

// cursor walks over the source of a scalar.
type cursor struct {
	lines        [][]rune
	line, column int // from 1
	indent       int
}

func (c *cursor) row() []rune {
	if c.line < 1 || c.line > len(c.lines) {
		return nil
	}
	return c.lines[c.line-1]
}

func (c *cursor) rest() []rune {
	row := c.row()
	if c.column < 1 || c.column > len(row) {
		return nil
	}
	return row[c.column-1:]
}

// startBlock moves to the first line of a block scalar; the first line that is not blank sets its indentation.
func (c *cursor) startBlock() {
	c.line++
	for i := c.line; i <= len(c.lines); i++ {
		if text := string(c.lines[i-1]); strings.TrimSpace(text) != "" {
			c.indent = len(text) - len(strings.TrimLeft(text, " "))
			break
		}
	}
	c.column = c.indent + 1
}

// startQuoted moves behind the opening quote, which may follow a tag.
func (c *cursor) startQuoted() {
	for c.line <= len(c.lines) {
		for i, r := range c.rest() {
			if r == '"' || r == '\'' {
				c.column += i + 1
				return
			}
		}
		c.line, c.column = c.line+1, 1
	}
}

// next returns the place of r, the next rune of the value, and moves past it.
func (c *cursor) next(r rune, style yaml.Style) place {
	rest := c.rest()
	at := place{c.line, c.column}

	switch {
	case style&yaml.LiteralStyle != 0:
		c.literal(r)
	case style&yaml.FoldedStyle != 0 || len(trimRight(rest)) == 0:
		return c.folded(r)
	case style&yaml.DoubleQuotedStyle != 0 && rest[0] == '\\':
		return c.escape(r)
	case style&yaml.SingleQuotedStyle != 0 && rest[0] == '\'':
		c.column += 2
	default:
		c.column++
	}

	return at
}

func (c *cursor) literal(r rune) {
	if r == '\n' {
		c.line, c.column = c.line+1, c.indent+1
		return
	}
	c.column++
}

// folded skips a line break that became a blank or, with blank lines after it, several breaks.
func (c *cursor) folded(r rune) place {
	if rest := c.rest(); len(rest) > 0 && (rest[0] == r || (r != ' ' && r != '\n')) {
		c.column++
		return place{c.line, c.column - 1}
	}
	at := place{c.line, c.column}

	if c.line < len(c.lines) {
		c.line++
		c.column = c.indent + 1
		if c.indent == 0 {
			c.column = 1 + len(c.row()) - len([]rune(strings.TrimLeft(string(c.row()), " \t")))
		}
	}

	return at
}

// escape skips a backslash sequence of a double-quoted scalar.
func (c *cursor) escape(r rune) place {
	at := place{c.line, c.column}
	rest := c.rest()
	if len(rest) == 1 { // an escaped line break yields nothing
		c.line++
		c.column = 1 + len(c.row()) - len([]rune(strings.TrimLeft(string(c.row()), " \t")))
		return c.next(r, yaml.DoubleQuotedStyle)
	}

	width := map[rune]int{'x': 4, 'u': 6, 'U': 10}[rest[1]]
	if width == 6 && r > 0xffff {
		width = 12 // two surrogates
	}

	c.column += max(width, 2)
	return at
}

func trimRight(text []rune) string { return strings.TrimRight(string(text), " \t\r") }

func runeLines(text string) [][]rune {
	var lines [][]rune
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, []rune(line))
	}
	return lines
}
