package component

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/finding"
)

// Bounds on any input, far above anything that people write; the service's own limits are findings.
const (
	maxSize     = 1 << 20 // bytes of a document
	maxDepth    = 100     // maps and lists inside one another
	maxValues   = 200_000 // values, aliases expanded
	maxExpanded = 4 << 20 // bytes of scalars, aliases expanded
)

// reader turns YAML nodes into values, expanding aliases and merges within bounds.
type reader struct {
	report
	values, bytes int
	tooMuch       bool
	// lines maps YAML's line numbers to the file's, where they differ; nil where they do not.
	lines []int
}

// readYAML reads the first YAML document in text. The value is nil if there is none.
func readYAML(file string, text []byte) (*Value, finding.List) {
	r := &reader{report: report{file: file}, lines: fileLines(string(text))}
	if len(text) > maxSize {
		r.errorAt(finding.TooLarge, finding.Position{File: file, Line: 1, Column: 1},
			fmt.Sprintf("the document has %d bytes and is not read", len(text)), "keep documents below 64 KB")
		return nil, r.findings
	}

	node, err := r.decode(text)
	if err != nil {
		r.syntax(text, err)
		return nil, r.findings
	}
	if node == nil || isNull(node) {
		r.errorAt(finding.Syntax, finding.Position{File: file, Line: 1, Column: 1}, "the document is empty",
			"start with schemaVersion and phases")
		return nil, r.findings
	}

	value := r.value(node, 0)
	if r.tooMuch {
		return nil, r.findings[len(r.findings)-1:]
	}

	return value, r.findings
}

// decode returns the root node of the first document; nil if there is none. Further documents are a finding.
func (r *reader) decode(text []byte) (root *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read YAML: %v", p)
		}
	}()

	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}

	err = decoder.Decode(&second)
	switch {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, err
	case len(second.Content) > 0 && !isNull(second.Content[0]):
		r.errorAt(finding.SeveralDocs, r.position(second.Content[0]), "a second YAML document starts here",
			"keep one component document per file")
	}

	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style == 0 && (n.Value == "" || n.Value == "~" || n.Value == "null")
}

func (r *reader) position(n *yaml.Node) finding.Position {
	return finding.Position{File: r.file, Line: r.line(n.Line), Column: n.Column}
}

// line returns the file's line number for YAML's nth line.
func (r *reader) line(n int) int {
	if n < 1 || len(r.lines) == 0 {
		return n
	}
	return r.lines[min(n, len(r.lines))-1]
}

// fileLines maps YAML's line numbers to the file's. YAML also ends a line at a lone carriage return and at Unicode's
// line breaks, which editors show inside a line.
func fileLines(text string) []int {
	plain := strings.ReplaceAll(text, "\r\n", "\n")
	if !strings.ContainsAny(plain, "\r\u0085\u2028\u2029") {
		return nil
	}
	lines := []int{1}

	line := 1
	for _, r := range plain {
		switch r {
		case '\n':
			line++
			lines = append(lines, line)
		case '\r', '\u0085', '\u2028', '\u2029':
			lines = append(lines, line)
		}
	}

	return lines
}

// value converts a node. At the first exceeded bound it gives up with one finding.
func (r *reader) value(n *yaml.Node, depth int) *Value {
	r.values++
	r.bytes += len(n.Value)
	if r.tooMuch || depth > maxDepth || r.values > maxValues || r.bytes > maxExpanded {
		if !r.tooMuch {
			r.tooMuch = true
			r.errorAt(finding.TooDeep, r.position(n), "the document nests too deeply or its aliases expand to too much",
				fmt.Sprintf("nest less than %d levels and write repeated parts out", maxDepth))
		}
		return &Value{At: r.position(n)}
	}

	switch n.Kind {
	case yaml.AliasNode:
		return r.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		v := &Value{Shape: List, At: r.position(n), Items: make([]*Value, 0, len(n.Content))}
		for _, item := range n.Content {
			v.Items = append(v.Items, r.value(item, depth+1))
		}
		return v
	case yaml.MappingNode:
		return r.mapping(n, depth)
	}

	return r.scalar(n)
}

func (r *reader) scalar(n *yaml.Node) *Value {
	v := &Value{Shape: Scalar, Text: n.Value, At: r.position(n)}
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		v.Style = '|'
	case n.Style&yaml.FoldedStyle != 0:
		v.Style = '>'
	case n.Style&yaml.DoubleQuotedStyle != 0:
		v.Style = '"'
	case n.Style&yaml.SingleQuotedStyle != 0:
		v.Style = '\''
	case isNull(n):
		v.Shape = Null
		v.Text = ""
	}

	if v.Style != '|' && v.Style != '>' && !strings.Contains(n.Value, "\n") {
		v.Length = utf8.RuneCountInString(n.Value)
		if v.Style != 0 {
			v.Length += 2
		}
	}

	return v
}

func (r *reader) mapping(n *yaml.Node, depth int) *Value {
	v := &Value{Shape: Map, At: r.position(n), Entries: make([]Entry, 0, len(n.Content)/2)}
	seen := make(map[string]int, len(n.Content)/2)
	var merged []*yaml.Node

	var again []*Value
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		node := n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.Style == 0 && key.Value == "<<" {
			merged = append(merged, node)
			continue
		}

		entry := Entry{Key: r.value(key, depth+1), Value: r.value(node, depth+1)}
		if _, twice := seen[entry.Key.Text]; twice && entry.Key.Shape == Scalar {
			again = append(again, entry.Key)
			continue
		}
		seen[entry.Key.Text] = entry.Key.At.Line
		v.Entries = append(v.Entries, entry)
	}

	r.duplicates(again, seen)
	for _, node := range merged {
		r.merge(v, r.value(node, depth+1), seen)
	}

	return v
}

// duplicates reports keys that a map has twice. Several of them are one fault: a list entry that lost its dash.
func (r *reader) duplicates(keys []*Value, first map[string]int) {
	if len(keys) == 0 {
		return
	}
	right := "keep one of the two"
	if len(keys) > 1 {
		right = "if a new entry of the list starts here, put - before it"
	}
	r.fault(finding.DuplicateKey, keys[0], fmt.Sprintf("%q is given twice (first on line %d)", keys[0].Text, first[keys[0].Text]), right)
}

// merge adds the keys of `<<: *other` that the map does not have itself.
func (r *reader) merge(into, from *Value, seen map[string]int) {
	if from.Shape == List {
		for _, item := range from.Items {
			r.merge(into, item, seen)
		}
		return
	}
	if from.Shape != Map && !r.tooMuch {
		r.fault(finding.WrongType, from, "<< is given "+from.Shape.String()+", not a map", "write <<: *name with the anchor of a map")
		return
	}

	for _, entry := range from.Entries {
		if _, given := seen[entry.Key.Text]; !given {
			seen[entry.Key.Text] = entry.Key.At.Line
			into.Entries = append(into.Entries, entry)
		}
	}
}
