package component

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/finding"
)

// syntax turns the YAML library's error into a finding at the line that needs the change.
func (r *reader) syntax(text []byte, err error) {
	at := finding.Position{File: r.file, Line: 1, Column: 1}
	message := err.Error()

	if r.encoding(text) {
		return
	}

	var load *yaml.LoadError
	if errors.As(err, &load) {
		message = load.Message
		mark := load.Mark

		if opened(load) {
			mark = load.ContextMark
			message = strings.TrimPrefix(load.ContextMsg, "while ") + ": " + message
		}

		if mark.Line > 0 {
			at.Line = r.line(mark.Line)
			at.Column = mark.Column
		} else if line, column, ok := badByte(text); ok {
			at.Line = line
			at.Column = column
		}
	}

	lines := strings.Split(string(text), "\n")
	if line, column, ok := unclosedQuote(lines, at.Line); ok {
		at.Line = line
		at.Column = column
		r.errorAt(finding.Syntax, at, "YAML: this quote is not closed: "+message, "close the quote")
		return
	}
	if c, ok := culpritOf(lines, load, at); ok {
		at.Line = c.line
		at.Column = c.column
		r.errorAt(finding.Syntax, at, "YAML: "+c.message, c.right)
		return
	}

	r.errorAt(finding.Syntax, at, "YAML: "+message, syntaxAdvice(line(text, at.Line), message))
}

// encoding reports the first byte that is not UTF-8, and whether there is one.
func (r *reader) encoding(text []byte) bool {
	if utf8.Valid(text) {
		return false
	}
	line, column, _ := badByte(text)
	r.errorAt(finding.Syntax, finding.Position{File: r.file, Line: line, Column: column},
		"the file is not UTF-8: this byte is of another encoding, such as Latin-1", "save the file as UTF-8")
	return true
}

// opened reports whether the fault is at the opening of a construct, not where its end was missed.
func opened(err *yaml.LoadError) bool {
	if err.ContextMark.Line == 0 || err.ContextMark.Line == err.Mark.Line {
		return false
	}
	for _, construct := range []string{"simple key", "quoted scalar", "flow sequence", "flow mapping"} {
		if strings.Contains(err.ContextMsg, construct) {
			return true
		}
	}
	return false
}

// badByte finds what the YAML reader refuses: bytes that are not UTF-8, and control characters.
func badByte(text []byte) (line, column int, found bool) {
	line = 1
	column = 1
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		control := (r < ' ' && r != '\n' && r != '\t' && r != '\r') || r == 0x7f
		if (r == utf8.RuneError && size == 1) || control {
			return line, column, true
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		text = text[size:]
	}

	return 0, 0, false
}

func line(text []byte, n int) string {
	for ; n > 1; n-- {
		_, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			return ""
		}
		text = rest
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return string(first)
}

func syntaxAdvice(line, message string) string {
	content := strings.TrimLeft(line, " -")
	_, value, _ := strings.Cut(content, ": ")
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "indent with spaces, not tabs"
	case strings.HasPrefix(strings.TrimSpace(value), "{{") || strings.HasPrefix(content, "{{"):
		return "put quotes around a value that starts with {{"
	case strings.Contains(message, "mapping values are not allowed"):
		return "put quotes around a value that contains \": \", or check the indentation"

	case strings.Contains(message, "end of stream"):
		return "close the quote"
	case strings.Contains(message, "cannot start any token"):
		return "put quotes around a value that starts with @, ` or %"
	case strings.Contains(message, "incompatible YAML"):
		return "remove the %YAML line, or write 1.1 in it"

	case strings.Contains(message, "unknown anchor"):
		return "put quotes around a value that starts with *"
	case strings.Contains(message, "escape character") || strings.Contains(message, "hexadecimal"):
		return "use single quotes, or double the backslash"
	}

	return "check the indentation and the quotes around this line"
}
