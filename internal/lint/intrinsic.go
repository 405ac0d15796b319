package lint

import (
	"regexp"

	"go.yaml.in/yaml/v4"
)

// filler stands for values that only a deployment knows. Digits are valid in most places of a document.
const filler = '1'

// textOf returns the text of Data, as far as it can be known: a text, Fn::Sub or Fn::Join; nil for anything else.
func (t *template) textOf(node *yaml.Node) *span {
	node = resolve(node)
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!Sub":
		return substituted(scalarSpan(t.lines, node))
	case plain(node) != nil:
		return scalarSpan(t.lines, node)
	case node.Kind == yaml.SequenceNode && node.Tag == "!Sub":
		return t.substitution(node)

	case node.Kind == yaml.SequenceNode && node.Tag == "!Join":
		return t.join(node)
	case get(node, "Fn::Sub") != nil:
		return t.substitution(get(node, "Fn::Sub"))
	case get(node, "Fn::Join") != nil:
		return t.join(get(node, "Fn::Join"))
	}

	return nil
}

// substitution reads the argument of Fn::Sub: a text, or a list of the text and a map.
func (t *template) substitution(node *yaml.Node) *span {
	if node.Kind == yaml.SequenceNode && len(node.Content) > 0 {
		node = resolve(node.Content[0])
	}
	if node.Kind != yaml.ScalarNode {
		return nil
	}
	return substituted(scalarSpan(t.lines, node))
}

// join reads the argument of Fn::Join: a delimiter and a list, whose entries are unknown unless they are text.
func (t *template) join(node *yaml.Node) *span {
	if node.Kind != yaml.SequenceNode || len(node.Content) != 2 || resolve(node.Content[1]).Kind != yaml.SequenceNode {
		return nil
	}
	joined := &span{}
	for i, item := range resolve(node.Content[1]).Content {
		part := t.textOf(item)
		if part == nil {
			part = &span{}
			part.add(filler, place{item.Line, item.Column}, true)
		}
		if i > 0 {
			for _, r := range node.Content[0].Value {
				joined.add(r, place{item.Line, item.Column}, false)
			}
		}
		joined.append(part)
	}

	return joined
}

func (s *span) append(other *span) {
	s.runes = append(s.runes, other.runes...)
	s.places = append(s.places, other.places...)
	s.filled = append(s.filled, other.filled...)
}

var substitutions = regexp.MustCompile(`\$\{(!?)[^}]*\}`)

// substituted replaces ${Name} by filler of the same length and ${!Name} by ${Name}.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-sub.html
func substituted(s *span) *span {
	text := string(s.runes)
	out := &span{}
	start := 0
	rune0 := 0
	copyTo := func(end int) {
		for _, r := range text[start:end] {
			out.add(r, s.places[rune0], s.filled[rune0])
			rune0++
		}
		start = end
	}
	for _, m := range substitutions.FindAllStringSubmatchIndex(text, -1) {
		if m[2] != m[3] { // a literal: only the ! is dropped
			copyTo(m[2])
			start, rune0 = m[3], rune0+1
			continue
		}
		copyTo(m[0])
		for range text[m[0]:m[1]] {
			out.add(filler, s.places[rune0], true)
			rune0++
		}
		start = m[1]
	}

	copyTo(len(text))
	return out
}
