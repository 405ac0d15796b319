package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/component"
	"image-builder/internal/finding"
)

// value is a piece of text that a user wrote, and its place.
type value struct {
	text   string
	at     finding.Position
	length int
	dir    string // the base of a relative path
}

// builder fills a recipe and collects findings.
type builder struct {
	recipe *Recipe
	dir    string
	found  finding.List
}

func (b *builder) add(code finding.Code, v value, message, right string) {
	b.found = append(b.found, finding.Finding{
		Code: code, Position: v.at, Length: v.length, Message: message, Right: right,
	})
}

func (b *builder) readYAML(text []byte) {
	top := value{at: finding.Position{File: b.recipe.File, Line: 1, Column: 1}}
	whole := value{at: finding.Position{File: b.recipe.File}}

	if len(text) > MaxFile {
		b.add(finding.RecipeSyntax, whole, "the file is larger than 1 MiB, the most that a recipe is", "name a recipe file")
		return
	}
	if len(bytes.TrimSpace(text)) == 0 {
		b.add(finding.RecipeSyntax, whole, "the file is empty", "write `base: debian:bookworm` and what to bake")
		return
	}

	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		at, message := syntaxError(err)
		at.File = b.recipe.File
		b.add(finding.RecipeSyntax, value{at: at}, "this is not YAML: "+message, "see the example of a recipe in the documentation")
		return
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		b.add(finding.RecipeSyntax, top, "a recipe is a map of fields", "write `base: debian:bookworm` and what to bake")
		return
	}

	b.readFields(root.Content[0])
}

func (b *builder) readFields(root *yaml.Node) {
	seen := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i]
		node := resolve(root.Content[i+1])
		at := b.value(key)
		if line := seen[key.Value]; line > 0 {
			b.add(finding.RecipeDuplicate, at, fmt.Sprintf("%s is given twice, first on line %d", key.Value, line), "keep one of them")
			continue
		}

		seen[key.Value] = key.Line
		f, known := fieldNamed(key.Value)
		if !known {
			b.unknownKey(at, fieldNames())
			continue
		}

		b.readField(f, key, node)
	}
}

func (b *builder) unknownKey(key value, known []string) {
	right := "the fields are " + list(known)
	if near := finding.Nearest(key.text, known); near != "" {
		right = fmt.Sprintf("did you mean %s?", near)
	}
	b.add(finding.RecipeKey, key, fmt.Sprintf("%q is not a field of a recipe", key.text), right)
}

func (b *builder) readField(f field, key, node *yaml.Node) {
	switch {
	case node.Tag == "!!null":
		b.add(finding.RecipeType, b.value(key), key.Value+" has no value", "give it one, or remove the line")
	case f.name == "publish" && node.Kind == yaml.MappingNode:
		b.readPublish(node)
	case f.name == "boot-budget" && node.Kind == yaml.MappingNode:
		b.readBudget(f, node)
	case f.name == "test" && node.Kind == yaml.MappingNode:
		b.readTest(f, node)
	case f.set != nil && node.Kind == yaml.ScalarNode:
		b.setField(f, b.value(node))

	case f.set != nil:
		b.add(finding.RecipeType, b.value(node), fmt.Sprintf("%s is one text, not a %s", f.name, kindName(node)), "write "+f.name+": "+f.example)

	case node.Kind != yaml.SequenceNode:
		b.add(finding.RecipeType, b.value(node), fmt.Sprintf("%s is a list, not a %s", f.name, kindName(node)), fmt.Sprintf("write %s: [%s]", f.name, f.example))
	default:
		for _, item := range node.Content {
			b.readItem(f, resolve(item))
		}
	}
}

func (b *builder) readItem(f field, item *yaml.Node) {
	switch {
	case item.Kind == yaml.ScalarNode && item.Tag != "!!null":
		b.appendField(f, b.value(item))
	case f.name == "components" && item.Kind == yaml.MappingNode:
		b.readComponent(item)
	case item.Kind == yaml.MappingNode && item.Style&yaml.FlowStyle == 0:
		b.add(finding.RecipeType, b.value(item), fmt.Sprintf("an entry of %s is a text, not a map", f.name), `put quotes around a text that holds ": "`)
	default:
		b.add(finding.RecipeType, b.value(item), fmt.Sprintf("an entry of %s is a text, not a %s", f.name, kindName(item)), "write - "+f.example)
	}
}

// readComponent reads {path: …, parameters: {…}}.
func (b *builder) readComponent(node *yaml.Node) {
	var path *yaml.Node
	var parameters []component.Parameter
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		child := resolve(node.Content[i+1])
		switch {
		case key.Value == "path" && child.Kind == yaml.ScalarNode:
			path = child
		case key.Value == "parameters" && child.Kind == yaml.MappingNode:
			parameters = b.readParameters(child)
		case key.Value == "path" || key.Value == "parameters":
			b.add(finding.RecipeType, b.value(child), fmt.Sprintf("%s is not a %s here", key.Value, kindName(child)), "write {path: x.yml, parameters: {Name: value}}")
		default:
			b.unknownKey(b.value(key), []string{"path", "parameters"})
		}
	}

	if path == nil {
		b.add(finding.RecipeType, b.value(node), "this component has no path", "write {path: x.yml, parameters: {Name: value}}")
		return
	}
	f, _ := fieldNamed("components")

	before := len(b.recipe.Components)
	b.appendField(f, b.value(path))

	if len(b.recipe.Components) > before {
		b.recipe.Components[before].Parameters = parameters
	}
}

func (b *builder) readParameters(node *yaml.Node) []component.Parameter {
	var parameters []component.Parameter
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		child := resolve(node.Content[i+1])
		if child.Kind != yaml.ScalarNode {
			b.add(finding.RecipeType, b.value(child), fmt.Sprintf("parameter %s is a text, not a %s", key.Value, kindName(child)), "write "+key.Value+": value")
			continue
		}
		parameters = append(parameters, component.Parameter{Name: key.Value, Value: child.Value})
	}

	return parameters
}

func (b *builder) value(node *yaml.Node) value {
	v := value{
		text: node.Value, dir: b.dir,
		at: finding.Position{File: b.recipe.File, Line: node.Line, Column: node.Column},
	}

	if node.Kind == yaml.ScalarNode && node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		v.length = utf8.RuneCountInString(node.Value)
		if node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			v.length += 2
		}
	}

	return v
}

// resolve follows an alias. YAML's aliases cannot point at aliases.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

func kindName(node *yaml.Node) string {
	switch {
	case node.Tag == "!!null":
		return "blank"
	case node.Kind == yaml.MappingNode:
		return "map"
	case node.Kind == yaml.SequenceNode:
		return "list"
	}
	return "text"
}

var (
	placeInError   = regexp.MustCompile(` at L(\d+)\.C(\d+)[^:]*: `)
	nowhereInError = regexp.MustCompile(`^.* at <unknown position>: `)
)

// syntaxError removes the place from the YAML library's error.
func syntaxError(err error) (finding.Position, string) {
	var wrong *yaml.LoadError
	if errors.As(err, &wrong) {
		err = wrong
	}

	text := err.Error()
	found := placeInError.FindStringSubmatchIndex(text)
	if found == nil {
		return finding.Position{}, nowhereInError.ReplaceAllString(text, "")
	}
	line, _ := strconv.Atoi(text[found[2]:found[3]])
	column, _ := strconv.Atoi(text[found[4]:found[5]])

	return finding.Position{Line: line, Column: column}, text[found[1]:]
}
