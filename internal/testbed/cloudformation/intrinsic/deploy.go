package intrinsic

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Values of pseudo parameters for a stack that is not deployed anywhere.
const (
	Partition = "aws"
	Region    = "eu-central-1"
	Account   = "123456789012"
	StackName = "Nightly-AMI"
	stackID   = "arn:aws:cloudformation:eu-central-1:123456789012:stack/Nightly-AMI/1c2fa620-982a-11e3-aff7-50e2416294e0"
)

// Stack is a template with its parameters filled in: only what would be created.
type Stack struct {
	Resources map[string]Resource
	Outputs   map[string]any
}

// Resource is a resource as its service would receive it.
type Resource struct {
	Type       string
	Properties map[string]any
}

// Deploy fills in the parameters. The errors are those with which CloudFormation refuses a stack: a missing or
// invalid value, a failed assertion, a reference to a resource that is not created.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func Deploy(t Template, given map[string]string) (*Stack, error) {
	return DeployIn(Partition, "amazonaws.com", t, given)
}

// DeployIn is Deploy in a partition, aws-cn for one, whose domain is the suffix. IDs of resources are those of aws.
func DeployIn(partition, suffix string, t Template, given map[string]string) (*Stack, error) {
	scope := nowhere(t)
	scope.Pseudo["AWS::Partition"] = partition
	scope.Pseudo["AWS::URLSuffix"] = suffix

	d := &deployment{scope: scope, template: t, values: map[string]any{}}
	if err := d.parameters(given); err != nil {
		return nil, err
	}
	if err := d.rules(); err != nil {
		return nil, err
	}

	stack := &Stack{Resources: map[string]Resource{}, Outputs: map[string]any{}}
	for name, body := range t.Section("Resources") {
		resource := body.(map[string]any)
		if !d.exists(name) {
			continue
		}
		properties, err := d.value(orEmpty(resource["Properties"]))
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", name, err)
		}
		kind := fmt.Sprint(resource["Type"])
		stack.Resources[name] = Resource{Type: kind, Properties: substituted(properties.(map[string]any))}
	}

	for name, body := range t.Section("Outputs") {
		value, err := d.value(body.(map[string]any)["Value"])
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		stack.Outputs[name] = value
	}

	return stack, nil
}

func orEmpty(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

type deployment struct {
	scope    Scope
	template Template
	values   map[string]any // of parameters: a text, or a list of texts
}

func (d *deployment) parameters(given map[string]string) error {
	declared := d.template.Section("Parameters")
	for name := range given {
		if declared[name] == nil {
			return fmt.Errorf("parameter %s: the template has none of that name", name)
		}
	}

	var faults []error
	for name, body := range declared {
		parameter := body.(map[string]any)
		text, ok := given[name]
		if !ok && parameter["Default"] == nil {
			faults = append(faults, fmt.Errorf("parameter %s: it has no value", name))
			continue
		}

		if !ok {
			text = fmt.Sprint(parameter["Default"])
		}

		d.values[name] = text
		items := []string{text}

		if parameter["Type"] == "CommaDelimitedList" {
			items = strings.Split(text, ",")
			list := []any{}
			for i := range items {
				items[i] = strings.TrimSpace(items[i])
				list = append(list, items[i])
			}
			d.values[name] = list
		}

		for _, item := range items {
			faults = append(faults, allowed(name, item, parameter))
		}
	}

	return errors.Join(faults...)
}

func allowed(name, text string, parameter map[string]any) error {
	wrong := fmt.Errorf("parameter %s: %q %v", name, text, parameter["ConstraintDescription"])
	if pattern, ok := parameter["AllowedPattern"].(string); ok && !regexp.MustCompile(`\A(?:`+pattern+`)\z`).MatchString(text) {
		return wrong
	}
	if values, ok := parameter["AllowedValues"].([]any); ok && !slices.ContainsFunc(values, func(v any) bool { return fmt.Sprint(v) == text }) {
		return wrong
	}
	if parameter["Type"] != "Number" {
		return nil
	}

	number, err := strconv.Atoi(text)
	least, bounded := parameter["MinValue"].(int)

	most, alsoAbove := parameter["MaxValue"].(int)
	if err != nil || (bounded && number < least) || (alsoAbove && number > most) {
		return wrong
	}

	return nil
}

func (d *deployment) rules() error {
	for name, body := range d.template.Section("Rules") {
		rule := body.(map[string]any)
		if rule["RuleCondition"] != nil {
			if applies, err := d.truth(rule["RuleCondition"]); err != nil || !applies {
				if err != nil {
					return fmt.Errorf("rule %s: %w", name, err)
				}
				continue
			}
		}

		for _, body := range rule["Assertions"].([]any) {
			assertion := body.(map[string]any)
			holds, err := d.truth(assertion["Assert"])
			if err != nil {
				return fmt.Errorf("rule %s: %w", name, err)
			}
			if !holds {
				return fmt.Errorf("rule %s: %v", name, assertion["AssertDescription"])
			}
		}
	}

	return nil
}

// exists reports whether a resource is in the template and its condition holds.
func (d *deployment) exists(name string) bool {
	resource, ok := d.template.Section("Resources")[name].(map[string]any)
	if !ok || resource["Condition"] == nil {
		return ok
	}
	holds, err := d.truth(map[string]any{"Condition": resource["Condition"]})
	return err == nil && holds
}

var substitution = regexp.MustCompile(`\$\{([A-Za-z]+)\}`)

// substituted carries out DefinitionSubstitutions.
func substituted(properties map[string]any) map[string]any {
	values, ok := properties["DefinitionSubstitutions"].(map[string]any)
	if ok {
		properties["Definition"] = replaced(properties["Definition"], values)
	}
	return properties
}

func replaced(value any, by map[string]any) any {
	switch value := value.(type) {
	case string:
		return substitution.ReplaceAllStringFunc(value, func(name string) string { return fmt.Sprint(by[name[2:len(name)-1]]) })
	case []any:
		for i := range value {
			value[i] = replaced(value[i], by)
		}
	case map[string]any:
		for key := range value {
			value[key] = replaced(value[key], by)
		}
	}

	return value
}
