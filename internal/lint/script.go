package lint

import (
	"strings"
	"unicode/utf8"

	"image-builder/internal/component"
	"image-builder/internal/finding"
)

// script is shell text, and the place of each of its bytes in a file.
type script struct {
	text string
	// commands says that awstoe runs it as `bash FILE`, so that a #! line is a comment; otherwise it is a file of its
	// own.
	commands bool
	place    func(offset int) finding.Position
}

// piece is one entry of a step's commands.
type piece struct {
	start int
	value *component.Value
}

// stepScript returns the script that ExecuteBash makes of a step's commands: all entries, one after another, in one
// file.
func stepScript(doc *component.Document, step *component.Step) (script, bool) {
	commands := step.Inputs.Get("commands")
	if step.Action.Value != "ExecuteBash" || commands == nil {
		return script{}, false
	}
	var text strings.Builder

	var pieces []piece
	for _, item := range commands.Items {
		if item.Shape != component.Scalar {
			continue
		}
		pieces = append(pieces, piece{text.Len(), item})
		text.WriteString(item.Text)
		text.WriteByte('\n')
	}

	place := func(offset int) finding.Position {
		at := step.At
		for _, p := range pieces {
			if p.start <= offset {
				at = doc.Locate(p.value, min(offset-p.start, len(p.value.Text)))
			}
		}
		return at
	}

	return script{text: withoutReferences(text.String()), commands: true, place: place}, len(pieces) > 0
}

// fileScript is a script in a file of its own.
func fileScript(file, text string) script {
	place := func(offset int) finding.Position {
		before := text[:min(offset, len(text))]
		line := before[strings.LastIndexByte(before, '\n')+1:]
		return finding.Position{File: file, Line: 1 + strings.Count(before, "\n"), Column: 1 + utf8.RuneCountInString(line)}
	}
	return script{text: text, place: place}
}

// withoutReferences replaces every {{ reference }} with a word of the same length: the shell never sees the reference
// itself.
func withoutReferences(text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	out := []byte(text)

	i := 0
	for i < len(text) {
		open := strings.Index(text[i:], "{{")
		if open < 0 {
			break
		}
		open += i
		length := strings.Index(text[open:], "}}")
		if length < 0 {
			break
		}

		if end := open + length + 2; !strings.Contains(text[open:end], "\n") {
			copy(out[open:end], strings.Repeat("x", end-open))
		}

		i = open + length + 2
	}

	return string(out)
}
