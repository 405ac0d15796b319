package preflight

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// values returns the future value of a parameter; false means still unknown.
type values func(name string) (string, bool)

// truth is the outcome of a condition: unknown if it depends on a value that is still unknown.
type truth int

const (
	unknown truth = iota
	holds
	fails
)

func truthOf(b bool) truth {
	if b {
		return holds
	}
	return fails
}

// broken returns the assertions of the template's rules that fail. A rule that cannot be decided yet does not count.
func (t *template) broken(v values) []string {
	var says []string
	for _, r := range t.rules {
		if (r.condition == nil || evaluate(r.condition, v) == holds) && evaluate(r.assert, v) == fails {
			says = append(says, r.says)
		}
	}
	return says
}

// evaluate knows the functions that the template's rules use; any other is unknown, and left to CloudFormation.
func evaluate(node *yaml.Node, v values) truth {
	name := strings.TrimPrefix(node.Tag, "!")
	if name == "Equals" && len(node.Content) == 2 {
		one, known := operand(node.Content[0], v)
		other, alsoKnown := operand(node.Content[1], v)
		if !known || !alsoKnown {
			return unknown
		}
		return truthOf(one == other)
	}

	var parts []truth
	for _, part := range node.Content {
		parts = append(parts, evaluate(part, v))
	}

	switch {
	case name == "Not" && len(parts) == 1:
		return map[truth]truth{holds: fails, fails: holds}[parts[0]]
	case name == "And":
		return combine(parts, fails)
	case name == "Or":
		return combine(parts, holds)
	}

	return unknown
}

// combine is And if one failing part decides, Or if one holding part does.
func combine(parts []truth, decides truth) truth {
	result := map[truth]truth{fails: holds, holds: fails}[decides]
	for _, part := range parts {
		if part == decides {
			return decides
		}
		if part == unknown {
			result = unknown
		}
	}
	return result
}

func operand(node *yaml.Node, v values) (string, bool) {
	if node.Tag == "!Ref" {
		return v(node.Value)
	}
	return node.Value, node.Kind == yaml.ScalarNode
}
