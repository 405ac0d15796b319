package preflight

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"image-builder/templates"
)

// template is what the stack's template says about its parameters.
type template struct {
	parameters map[string]parameter
	names      []string // in the template's order
	rules      []rule
}

// parameter is a parameter of the template.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
type parameter struct {
	kind       string // String, Number or CommaDelimitedList
	fallback   string // the default
	pattern    *regexp.Regexp
	constraint string // the ConstraintDescription: "must be …"
	values     []string
	least      string
	most       string
	longest    int // characters; 0: no limit of its own
}

// rule is an assertion about parameters, checked when its condition holds.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
type rule struct {
	condition *yaml.Node // nil: always
	assert    *yaml.Node
	says      string
}

// readTemplate reads the program's own template.
func readTemplate() (*template, error) {
	text, err := templates.Stack()
	if err != nil {
		return nil, err
	}
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}

	t := &template{parameters: map[string]parameter{}}
	for name, node := range entries(get(root.Content[0], "Parameters")) {
		p, err := readParameter(node)
		if err != nil {
			return nil, fmt.Errorf("read template: parameter %s: %w", name, err)
		}
		t.parameters[name] = p
		t.names = append(t.names, name)
	}

	for _, node := range entries(get(root.Content[0], "Rules")) {
		for _, assertion := range get(node, "Assertions").Content {
			t.rules = append(t.rules, rule{get(node, "RuleCondition"), get(assertion, "Assert"), scalar(get(assertion, "AssertDescription"))})
		}
	}

	return t, nil
}

func readParameter(node *yaml.Node) (parameter, error) {
	p := parameter{
		kind: scalar(get(node, "Type")), fallback: scalar(get(node, "Default")), constraint: scalar(get(node, "ConstraintDescription")),
		least: scalar(get(node, "MinValue")), most: scalar(get(node, "MaxValue")),
	}

	if longest := scalar(get(node, "MaxLength")); longest != "" {
		n, err := strconv.Atoi(longest)
		if err != nil {
			return parameter{}, err
		}
		p.longest = n
	}

	if values := get(node, "AllowedValues"); values != nil {
		for _, value := range values.Content {
			p.values = append(p.values, value.Value)
		}
	}

	if pattern := scalar(get(node, "AllowedPattern")); pattern != "" {
		compiled, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
		if err != nil {
			return parameter{}, err
		}
		p.pattern = compiled
	}

	return p, nil
}

// largestValue is the limit of a parameter's value in bytes.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const largestValue = 4096

// refuses says what an allowed value looks like; "" if this one is allowed.
func (p parameter) refuses(value string) string {
	if len(value) > largestValue {
		return fmt.Sprintf("must have at most %d bytes, and has %d", largestValue, len(value))
	}
	items := []string{value}

	if p.kind == "CommaDelimitedList" {
		items = strings.Split(value, ",")
	}

	for _, item := range items {
		if wrong := p.refusesItem(strings.TrimSpace(item)); wrong != "" && p.kind == "CommaDelimitedList" {
			return wrong
		}
		if wrong := p.refusesItem(item); wrong != "" && p.kind != "CommaDelimitedList" {
			return wrong
		}
	}

	return ""
}

func (p parameter) refusesItem(value string) string {
	switch {
	case p.longest > 0 && utf8.RuneCountInString(value) > p.longest:
		return fmt.Sprintf("must have at most %d characters", p.longest)
	case p.pattern != nil && !p.pattern.MatchString(value):
		return p.constraint
	case len(p.values) > 0 && !slices.Contains(p.values, value):
		return "must be " + alternatives(p.values)
	case p.kind == "Number" && !p.inRange(value):
		return fmt.Sprintf("must be a whole number from %s to %s", p.least, p.most)
	}

	return ""
}

// inRange compares whole numbers: the template has no others.
func (p parameter) inRange(value string) bool {
	number, err := strconv.Atoi(value)
	if err != nil || strings.HasPrefix(value, "+") {
		return false
	}
	least, unbounded := strconv.Atoi(p.least)
	most, endless := strconv.Atoi(p.most)
	return (unbounded != nil || number >= least) && (endless != nil || number <= most)
}

// alternatives writes "a, b or c"; the empty text is "blank".
func alternatives(values []string) string {
	var shown []string
	for _, value := range values {
		if value == "" {
			value = "blank"
		}
		shown = append(shown, value)
	}

	if len(shown) < 2 {
		return strings.Join(shown, "")
	}
	return strings.Join(shown[:len(shown)-1], ", ") + " or " + shown[len(shown)-1]
}
