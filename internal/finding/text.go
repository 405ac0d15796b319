package finding

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// Sources returns the text of a file; nil if it is not known.
type Sources func(file string) []byte

// widest is how many cells of a source line are shown; minified files have very long lines.
const widest = 140

// WriteText prints findings for people: place, message, the source line with a caret, and what would be right.
func WriteText(w io.Writer, list List, sources Sources) error {
	out := bufio.NewWriter(w)
	for _, f := range list {
		fmt.Fprintf(out, "%s: %s %s: %s\n", cmp.Or(fmt.Sprint(f.Position), "command line"), f.Severity, f.Code, printable(f.Message))
		if line, ok := sourceLine(sources, f.Position); ok {
			writeExcerpt(out, f, line)
		}
		if f.Right != "" {
			fmt.Fprintf(out, "      = %s\n", printable(f.Right))
		}
	}

	if err := out.Flush(); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	return nil
}

func sourceLine(sources Sources, at Position) (string, bool) {
	if sources == nil || at.Line < 1 {
		return "", false
	}

	text := sources(at.File)
	for n := 1; ; n++ {
		line, rest, more := bytes.Cut(text, []byte("\n"))
		if n == at.Line {
			return strings.TrimSuffix(string(line), "\r"), len(text) > 0
		}
		if !more {
			return "", false
		}
		text = rest
	}
}

// writeExcerpt prints the line, and below it a caret under each wrong rune.
func writeExcerpt(out io.Writer, f Finding, line string) {
	runes := []rune(line)
	column := min(max(f.Column, 1), len(runes)+1)
	from := clip(runes, column)
	var shown, under strings.Builder

	cells := 0
	for i, r := range runes[from:] {
		text, width := cell(r)
		cells += width
		if cells > widest {
			shown.WriteString("…")
			break
		}

		shown.WriteString(text)

		if n := from + i + 1; f.Column == 0 || n >= column+max(f.Length, 1) {
			continue
		} else if n < column {
			under.WriteString(blank(r, width))
		} else {
			under.WriteString(strings.Repeat("^", width))
		}
	}

	if f.Column > 0 && column > len(runes) {
		under.WriteString("^")
	}

	fmt.Fprintf(out, "%5d | %s\n", f.Line, strings.TrimRight(shown.String(), " "))
	if under.Len() > 0 {
		fmt.Fprintf(out, "      | %s\n", under.String())
	}
}

// clip returns the first rune to show so that the column is visible.
func clip(runes []rune, column int) int {
	if len(runes) <= widest || column < widest/2 {
		return 0
	}
	return column - widest/2
}

// cell is how a rune looks in a terminal and how many columns it takes. Tabs stay tabs, so that carets line up.
func cell(r rune) (string, int) {
	switch {
	case r == '\t':
		return "\t", 1
	case unicode.IsControl(r) || r == unicode.ReplacementChar:
		return "�", 1
	}
	return string(r), runewidth.RuneWidth(r)
}

func blank(r rune, width int) string {
	if r == '\t' {
		return "\t"
	}
	return strings.Repeat(" ", width)
}

// printable keeps a file's control characters from reaching the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '�'
		}
		return r
	}, text)
}
