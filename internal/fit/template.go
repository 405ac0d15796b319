package fit

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/bootscript"
)

// Template is what an Elastic CI Stack's template says about the machines that it starts.
type Template struct {
	Version string   // from its description; "" for a checkout's
	Scripts []string // the shell scripts of the Linux user data, in order
	// Defaults maps the template's parameters to their default values; "" for a parameter without one.
	Defaults map[string]string
}

// ParseTemplate reads a template of an Elastic CI Stack, as YAML or JSON.
//
// The error says what is missing when the text is a template of something else.
func ParseTemplate(text []byte) (Template, error) {
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		return Template{}, fmt.Errorf("parse template: %w", err)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return Template{}, errors.New("parse template: the file is empty")
	}

	top := root.Content[0]
	t := Template{Version: version(at(top, "Description")), Defaults: map[string]string{}}
	pairs(at(top, "Parameters"), func(name string, declaration *yaml.Node) {
		t.Defaults[name] = scalar(at(declaration, "Default"))
	})

	pairs(at(top, "Resources"), func(_ string, resource *yaml.Node) {
		if scalar(at(resource, "Type")) == "AWS::EC2::LaunchTemplate" {
			t.Scripts = append(t.Scripts, scripts(at(at(at(resource, "Properties"), "LaunchTemplateData"), "UserData"))...)
		}
	})

	if len(t.Scripts) == 0 {
		return Template{}, errors.New("parse template: no launch template in it has user data for Linux: name the template of an Elastic CI Stack (aws-stack.yml)")
	}
	return t, nil
}

// version takes "v6.71.1" out of "Buildkite stack v6.71.1".
func version(description *yaml.Node) string {
	for _, word := range strings.Fields(scalar(description)) {
		if len(word) > 1 && word[0] == 'v' && word[1] >= '0' && word[1] <= '9' {
			return strings.TrimRight(word, ".,;)")
		}
	}
	return ""
}

// scripts are the shell parts of the user data, texts below Fn::Base64, Fn::If and Fn::Sub.
func scripts(userData *yaml.Node) []string {
	var found []string
	walk(userData, func(node *yaml.Node) {
		for _, part := range parts(node.Value) {
			found = append(found, fill(part))
		}
	})
	return found
}

// parts splits a cloud-init multipart text at its boundaries, and returns the parts that are shell scripts.
func parts(text string) []string {
	var found []string
	for _, part := range strings.Split(text, "\n--") {
		i := strings.Index(part, "#!")
		if i < 0 || (i > 0 && part[i-1] != '\n') {
			continue
		}
		first, _, _ := strings.Cut(part[i:], "\n")
		if strings.Contains(first, "sh") && !strings.Contains(first, "powershell") {
			found = append(found, strings.TrimRight(part[i:], "\n")+"\n")
		}
	}

	return found
}

// fill replaces each ${Name} of Fn::Sub with a placeholder; ${!Name} is the shell's own ${Name}. "%v" stands for the
// version that a release fills in.
func fill(text string) string {
	var filled strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		filled.WriteString(before)
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		switch {
		case !closed:
			filled.WriteString("${" + rest)
			return filled.String()
		case strings.HasPrefix(name, "!"):
			filled.WriteString("${" + name[1:] + "}")
		default:
			filled.WriteString(placeholder(name))
		}

		text = after
	}

	return filled.String()
}

func placeholder(parameter string) string {
	return bootscript.Placeholder + parameter + bootscript.Placeholder
}

// walk visits every text below a node. Aliases are not followed.
func walk(node *yaml.Node, visit func(*yaml.Node)) {
	if node == nil {
		return
	}
	if node.Kind == yaml.ScalarNode {
		visit(node)
	}
	for _, child := range node.Content {
		walk(child, visit)
	}
}

// at returns the value of a map's key; nil if there is none.
func at(node *yaml.Node, key string) *yaml.Node {
	var found *yaml.Node
	pairs(node, func(name string, value *yaml.Node) {
		if name == key {
			found = value
		}
	})
	return found
}

func pairs(node *yaml.Node, visit func(key string, value *yaml.Node)) {
	if node == nil || node.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		visit(node.Content[i].Value, node.Content[i+1])
	}
}

func scalar(node *yaml.Node) string {
	if node == nil || node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.Value
}
