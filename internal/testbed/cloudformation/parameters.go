package cloudformation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"image-builder/internal/testbed/wire"
)

// parameterValue is a parameter of a stack with its value.
type parameterValue struct {
	name, kind, value string
	resolved          string // the SSM value of a parameter that names an SSM parameter
	hidden            bool
}

const (
	ssmValue = "AWS::SSM::Parameter::Value<"
	hidden   = "****"
)

// effective is the value of Ref: a text, or a list of texts.
func (p parameterValue) effective() any {
	kind, text := p.kind, p.value
	if strings.HasPrefix(kind, ssmValue) {
		kind, text = strings.TrimSuffix(strings.TrimPrefix(kind, ssmValue), ">"), p.resolved
	}

	if kind != "CommaDelimitedList" && !strings.HasPrefix(kind, "List<") {
		return text
	}
	list := []any{}
	for item := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(item))
	}

	return list
}

// described are parameters as AWS shows them.
func described(parameters []parameterValue) []wire.Values {
	var all []wire.Values
	for _, p := range parameters {
		v := wire.Values{"ParameterKey": p.name, "ParameterValue": p.value}
		if p.hidden {
			v["ParameterValue"] = hidden
		}
		if strings.HasPrefix(p.kind, ssmValue) {
			v["ResolvedValue"] = p.resolved
		}
		all = append(all, v)
	}

	return all
}

// effective are the parameters as the template's functions see them.
func effective(parameters []parameterValue) map[string]any {
	values := map[string]any{}
	for _, p := range parameters {
		values[p.name] = p.effective()
	}
	return values
}

// fill gives the template's parameters their values: those of the request, the stack's where the request says so, or
// the defaults.
func (c *Service) fill(t *template, in wire.Values, s *stack) ([]parameterValue, error) {
	declared := t.data.Section("Parameters")
	given, err := chosen(wire.List[wire.Values](in, "Parameters"), s)
	if err != nil {
		return nil, err
	}
	var unknown, missing []string
	for name := range given {
		if declared[name] == nil {
			unknown = append(unknown, name)
		}
	}

	var filled []parameterValue
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		body, _ := declared[name].(map[string]any)
		text, ok := given[name]
		if !ok && body["Default"] == nil {
			missing = append(missing, name)
			continue
		}
		if !ok {
			text = fmt.Sprint(body["Default"])
		}
		filled = append(filled, parameterValue{name: name, kind: wire.Text(body, "Type"), value: text, hidden: fmt.Sprint(body["NoEcho"]) == "true"})
	}

	slices.Sort(unknown)

	switch {
	case len(unknown) > 0:
		return nil, invalid("Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	case len(missing) > 0:
		return nil, invalid("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}

	for i := range filled {
		if err := c.settle(&filled[i], declared[filled[i].name].(map[string]any)); err != nil {
			return nil, err
		}
	}

	return filled, nil
}

// chosen returns the values of a request; for UsePreviousValue it takes the stack's.
func chosen(parameters []wire.Values, s *stack) (map[string]string, error) {
	given := map[string]string{}
	for _, p := range parameters {
		name := wire.Text(p, "ParameterKey")
		text, set := p["ParameterValue"].(string)

		if !wire.Truth(p, "UsePreviousValue") {
			given[name] = text
			continue
		}
		if set {
			return nil, invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true and non empty value for a parameter", name)
		}

		previous, ok := s.parameter(name)
		if !ok {
			return nil, invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", name)
		}
		given[name] = previous.value
	}

	return given, nil
}

func (s *stack) parameter(name string) (parameterValue, bool) {
	if s != nil {
		for _, p := range s.parameters {
			if p.name == name {
				return p, true
			}
		}
	}
	return parameterValue{}, false
}

// settle checks a value, and reads it from SSM if it names a parameter there.
func (c *Service) settle(p *parameterValue, declared map[string]any) error {
	texts := []any{p.value}
	if list, ok := p.effective().([]any); ok && !strings.HasPrefix(p.kind, ssmValue) {
		texts = list
	}

	for _, text := range texts {
		if what := violated(p, fmt.Sprint(text), declared); what != "" {
			if words := wire.Text(declared, "ConstraintDescription"); words != "" {
				return invalid("Parameter %s failed to satisfy constraint: %s", p.name, words)
			}
			return invalid("Parameter '%s' %s", p.name, what)
		}
	}

	if !strings.HasPrefix(p.kind, ssmValue) {
		return nil
	}
	return c.resolve(p)
}

// violated says which constraint a text breaks.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func violated(p *parameterValue, text string, declared map[string]any) string {
	if values, ok := declared["AllowedValues"].([]any); ok && !slices.ContainsFunc(values, func(v any) bool { return fmt.Sprint(v) == text }) {
		return "must be one of AllowedValues"
	}

	if pattern := wire.Text(declared, "AllowedPattern"); pattern != "" {
		if compiled := wire.Compiled(pattern); compiled == nil || !compiled.MatchString(text) {
			return "must match pattern " + pattern
		}
	}

	length := float64(utf8.RuneCountInString(text))
	if least, ok := bound(declared, "MinLength"); ok && length < least {
		return fmt.Sprintf("must contain at least %v characters", least)
	}
	if most, ok := bound(declared, "MaxLength"); ok && length > most {
		return fmt.Sprintf("must contain at most %v characters", most)
	}
	if p.kind != "Number" && p.kind != "List<Number>" {
		return ""
	}

	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "must be a number"
	}
	if least, ok := bound(declared, "MinValue"); ok && number < least {
		return fmt.Sprintf("must be a number not less than %v", least)
	}
	if most, ok := bound(declared, "MaxValue"); ok && number > most {
		return fmt.Sprintf("must be a number not greater than %v", most)
	}

	return ""
}

func bound(declared map[string]any, name string) (float64, bool) {
	number, err := strconv.ParseFloat(fmt.Sprint(declared[name]), 64)
	return number, err == nil
}

var ssmName = regexp.MustCompile(`^[a-zA-Z0-9_.\-/:]+$`)

// resolve reads the SSM parameter that a value names, each time again.
func (c *Service) resolve(p *parameterValue) error {
	absent := invalid("Unable to fetch parameters [%s] from parameter store for this account.", p.value)
	if !ssmName.MatchString(p.value) {
		return absent
	}
	out, err := c.peers.Do("ssm", "GetParameters", wire.Values{"Names": []any{p.value}})
	if err != nil {
		return err
	}

	for _, found := range wire.List[wire.Values](out, "Parameters") {
		p.resolved = wire.Text(found, "Value")
		return nil
	}

	return absent
}
