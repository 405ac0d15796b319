// Package intrinsic evaluates a CloudFormation template as the service does: its parameters, conditions, rules and
// intrinsic functions.
//
// It knows the functions that the tests' templates use and refuses all others. It never calls AWS and knows no
// resource schema: cfn-lint does.
package intrinsic

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Template is a CloudFormation template as data: short forms like !Ref are written out.
type Template map[string]any

// Parse reads a template in YAML.
func Parse(text []byte) (Template, error) {
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	value, err := data(root.Content[0])
	if err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}

	template, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("parse template: line %d: it is not a map", root.Content[0].Line)
	}

	return template, nil
}

// Section returns a section of the template, like Parameters; empty if there is none.
func (t Template) Section(name string) map[string]any {
	section, _ := t[name].(map[string]any)
	return section
}

func data(node *yaml.Node) (any, error) {
	value, err := content(node)
	if err != nil || !strings.HasPrefix(node.Tag, "!") || strings.HasPrefix(node.Tag, "!!") {
		return value, err
	}

	name := node.Tag[1:]
	switch name {
	case "Ref", "Condition":
		return map[string]any{name: value}, nil
	case "GetAtt":
		resource, attribute, _ := strings.Cut(fmt.Sprint(value), ".")
		return map[string]any{"Fn::GetAtt": []any{resource, attribute}}, nil
	default:
		return map[string]any{"Fn::" + name: value}, nil
	}
}

func content(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.MappingNode:
		values := map[string]any{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i].Value
			if _, twice := values[key]; twice {
				return nil, fmt.Errorf("line %d: %s is there twice", node.Content[i].Line, key)
			}
			value, err := data(node.Content[i+1])
			if err != nil {
				return nil, err
			}
			values[key] = value
		}
		return values, nil

	case yaml.SequenceNode:
		list := []any{}
		for _, item := range node.Content {
			value, err := data(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil

	case yaml.ScalarNode:
		return scalar(node)
	default:
		return nil, fmt.Errorf("line %d: CloudFormation knows no aliases", node.Line)
	}
}

func scalar(node *yaml.Node) (any, error) {
	switch node.ShortTag() {
	case "!!int", "!!bool", "!!float":
		var value any
		err := node.Load(&value)
		return value, err
	}
	return node.Value, nil
}
