package intrinsic

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// nothing is the value of AWS::NoValue: the property or entry counts as missing.
type nothing struct{}

// value evaluates intrinsic functions, at any depth.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
func (d *deployment) value(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		list := []any{}
		for _, item := range v {
			value, err := d.value(item)
			if err != nil {
				return nil, err
			}
			if value != (nothing{}) {
				list = append(list, value)
			}
		}
		return list, nil

	case map[string]any:
		if name, argument, ok := function(v); ok {
			return d.call(name, argument)
		}
		values := map[string]any{}
		for key, item := range v {
			value, err := d.value(item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			if value != (nothing{}) {
				values[key] = value
			}
		}
		return values, nil
	}

	return v, nil
}

func function(v map[string]any) (name string, argument any, ok bool) {
	if len(v) != 1 {
		return "", nil, false
	}
	for name, argument = range v {
	}
	return name, argument, name == "Ref" || strings.HasPrefix(name, "Fn::")
}

func (d *deployment) call(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return d.ref(fmt.Sprint(argument))
	case "Fn::GetAtt":
		pair := argument.([]any)
		return d.attribute(pair[0].(string), pair[1].(string))

	case "Fn::If":
		three := argument.([]any)
		holds, err := d.truth(map[string]any{"Condition": three[0]})
		if err != nil {
			return nil, err
		}
		if holds {
			return d.value(three[1])
		}
		return d.value(three[2])

	case "Fn::Sub":
		return d.sub(argument)
	case "Fn::Join", "Fn::Split", "Fn::Select":
		return d.list(name, argument)
	}

	return nil, fmt.Errorf("this knows no function %s", name)
}

// list evaluates the functions whose arguments are a literal and a value.
func (d *deployment) list(name string, argument any) (any, error) {
	pair, ok := argument.([]any)
	if !ok || len(pair) != 2 {
		return nil, fmt.Errorf("%s wants two arguments", name)
	}
	second, err := d.value(pair[1])
	if err != nil {
		return nil, err
	}
	if text, ok := second.(string); ok && d.scope.Unknown != "" && strings.Contains(text, d.scope.Unknown) {
		return d.scope.Unknown, nil
	}

	switch name {
	case "Fn::Join":
		delimiter, literal := pair[0].(string)
		items, ok := second.([]any)
		if !literal || !ok {
			return nil, fmt.Errorf("Fn::Join wants a literal delimiter and a list")
		}
		var texts []string
		for _, item := range items {
			texts = append(texts, fmt.Sprint(item))
		}
		return d.known(strings.Join(texts, delimiter)), nil

	case "Fn::Split":
		delimiter, literal := pair[0].(string)
		text, ok := second.(string)
		if !literal || !ok {
			return nil, fmt.Errorf("Fn::Split wants a literal delimiter and a text")
		}
		list := []any{}
		for _, part := range strings.Split(text, delimiter) {
			list = append(list, part)
		}
		return list, nil

	default:
		index, literal := pair[0].(int)
		items, ok := second.([]any)
		if !literal || !ok || index >= len(items) {
			return nil, fmt.Errorf("Fn::Select: %v has no entry %v", second, pair[0])
		}
		return items[index], nil
	}
}

var variable = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

func (d *deployment) sub(argument any) (any, error) {
	text := argument
	local := map[string]any{}

	if pair, ok := argument.([]any); ok {
		values, err := d.value(pair[1])
		if err != nil {
			return nil, err
		}
		text = pair[0]
		local = values.(map[string]any)
	}

	var failed error
	filled := variable.ReplaceAllStringFunc(fmt.Sprint(text), func(found string) string {
		name := found[2 : len(found)-1]
		if value, ok := local[name]; ok {
			return fmt.Sprint(value)
		}
		value, err := d.ref(name)
		if err != nil {
			failed = err
		}
		return fmt.Sprint(value)
	})

	return d.known(strings.ReplaceAll(filled, "${!", "${")), failed
}

// known returns a text; a text with an unknown part is unknown.
func (d *deployment) known(text string) string {
	if d.scope.Unknown != "" && strings.Contains(text, d.scope.Unknown) {
		return d.scope.Unknown
	}
	return text
}

// ref is the value of Ref: a parameter's value, a pseudo parameter, or a resource's physical ID. A name with a dot,
// which Fn::Sub allows, is an attribute.
func (d *deployment) ref(name string) (any, error) {
	if value, ok := d.values[name]; ok {
		return value, nil
	}
	if name == "AWS::NoValue" {
		return nothing{}, nil
	}
	if value, ok := d.scope.Pseudo[name]; ok {
		return value, nil
	}

	if resource, attribute, dotted := strings.Cut(name, "."); dotted {
		return d.attribute(resource, attribute)
	}
	if !d.exists(name) {
		return nil, fmt.Errorf("%s is referred to, and not created", name)
	}

	return d.scope.Physical(name)
}

func (d *deployment) attribute(name, attribute string) (any, error) {
	if !d.exists(name) {
		return nil, fmt.Errorf("%s is referred to, and not created", name)
	}
	return d.scope.Attribute(name, attribute)
}

// nowhere is the scope of a stack that is not deployed anywhere: IDs are made up.
func nowhere(t Template) Scope {
	id := func(name string) string { return physical(name, t.Section("Resources")[name].(map[string]any)) }

	return Scope{
		Template: t,
		Pseudo: map[string]any{
			"AWS::Partition": Partition, "AWS::Region": Region, "AWS::AccountId": Account, "AWS::StackName": StackName,
			"AWS::StackId": stackID, "AWS::URLSuffix": "amazonaws.com",
		},
		Physical: func(name string) (any, error) { return id(name), nil },
		Attribute: func(name, attribute string) (any, error) {
			switch {
			case attribute == "Arn" && strings.HasPrefix(id(name), "arn:"):
				return id(name), nil
			case attribute == "Arn":
				return fmt.Sprintf("arn:%s:any:%s:%s:%s", Partition, Region, Account, id(name)), nil
			}
			return id(name) + "." + attribute, nil
		},
	}
}

// physical makes up an ID; it has the service's form where the template splits it.
func physical(name string, resource map[string]any) string {
	arn := func(service, rest string) string {
		return fmt.Sprintf("arn:%s:%s:%s:%s:%s", Partition, service, Region, Account, rest)
	}

	switch resource["Type"] {
	case "AWS::SNS::Topic":
		return arn("sns", name)
	case "AWS::StepFunctions::StateMachine":
		return arn("states", "stateMachine:"+name)
	case "AWS::ImageBuilder::ImageRecipe":
		return arn("imagebuilder", "image-recipe/"+strings.ToLower(StackName)+"/1.0.0")
	case "AWS::ImageBuilder::ImagePipeline":
		return arn("imagebuilder", "image-pipeline/"+strings.ToLower(StackName))
	case "AWS::ImageBuilder::Component":
		return arn("imagebuilder", "component/"+strings.ToLower(name)+"/1.0.0/1")
	}

	return name
}

// truth evaluates a condition.
func (d *deployment) truth(v any) (bool, error) {
	condition, ok := v.(map[string]any)
	if !ok || len(condition) != 1 {
		return false, fmt.Errorf("%v is not a condition", v)
	}

	for name, argument := range condition {
		if name == "Condition" {
			body, ok := d.template.Section("Conditions")[fmt.Sprint(argument)]
			if !ok {
				return false, fmt.Errorf("there is no condition %v", argument)
			}
			return d.truth(body)
		}
		return d.combine(name, argument.([]any))
	}

	return false, nil
}

func (d *deployment) combine(name string, arguments []any) (bool, error) {
	if name == "Fn::Equals" {
		one, err := d.value(arguments[0])
		if err != nil {
			return false, err
		}
		other, err := d.value(arguments[1])
		return fmt.Sprint(one) == fmt.Sprint(other), err
	}

	var truths []bool
	for _, argument := range arguments {
		holds, err := d.truth(argument)
		if err != nil {
			return false, err
		}
		truths = append(truths, holds)
	}

	switch name {
	case "Fn::Not":
		return !truths[0], nil
	case "Fn::And":
		return !slices.Contains(truths, false), nil
	case "Fn::Or":
		return slices.Contains(truths, true), nil
	}

	return false, fmt.Errorf("this knows no condition %s", name)
}
