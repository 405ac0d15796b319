package component

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxText bounds each resolved text and each kept output, in bytes.
const maxText = 1 << 20

// scope resolves the references of one document while it runs.
type scope struct {
	steps     index
	modules   Modules
	variables map[string]string
	values    Values
	learn     func(secret string)
	// outputs holds the outputs of steps that a reference names, one for each element of their inputs.
	outputs map[string][]Outputs
	wanted  map[string]bool
	// inputs caches resolved inputs that references named.
	inputs map[string]string
}

// iteration is one pass of a loop.
type iteration struct {
	loop  string // the loop's own name, or empty
	index uint64
	value string
}

func newScope(doc *Document, modules Modules, variables map[string]string) *scope {
	s := &scope{
		steps: newIndex(doc), modules: modules, variables: variables,
		outputs: make(map[string][]Outputs), wanted: make(map[string]bool), inputs: make(map[string]string),
	}
	note := func(v *Value) {
		for ref := range references(v.Text) {
			if p := parseReference(ref.body); p.meaning == chained && p.side == "outputs" {
				s.wanted[p.prefix] = true
			}
		}
	}

	doc.Steps(func(_ *Phase, step *Step) {
		step.Inputs.Scalars(note)
		step.If.texts(note)
		if step.Loop != nil {
			step.Loop.List.Scalars(note)
			for _, item := range step.Loop.Each {
				item.Scalars(note)
			}
		}
	})

	return s
}

// keep stores a step's outputs, if any reference names them.
func (s *scope) keep(prefix string, outputs []Outputs) {
	if !s.wanted[prefix] {
		return
	}
	for _, out := range outputs {
		for name, text := range out {
			out[name] = cut(text, maxText)
		}
	}
	s.outputs[prefix] = outputs
}

// text expands the references in a text once: it does not search their values for references again.
func (s *scope) text(ctx context.Context, text string, at *iteration) (string, error) {
	var expanded strings.Builder
	done := 0
	for ref := range references(text) {
		value, ok, err := s.lookUp(ctx, parseReference(ref.body), at)
		if err != nil {
			return "", fmt.Errorf("resolve {{ %s }}: %w", cut(ref.body, 200), err)
		}
		if !ok {
			continue
		}

		expanded.WriteString(text[done:ref.start])
		expanded.WriteString(value)
		done = ref.end

		if expanded.Len() > maxText {
			return "", errors.New("resolve references: the text grows beyond 1 MiB")
		}
	}

	if done == 0 {
		return text, nil
	}
	expanded.WriteString(text[done:])
	return expanded.String(), nil
}

// lookUp returns the value of a reference; not ok means that the reference stays in the text.
func (s *scope) lookUp(ctx context.Context, p parsed, at *iteration) (value string, ok bool, err error) {
	switch p.meaning {
	case variableName:
		value, ok = s.variables[p.name]
		return value, ok, nil
	case parameterOf:
		value, err = s.parameter(ctx, p.name)
		return value, true, err

	case parameterNamed:
		name, _, err := s.lookUp(ctx, *p.inner, at)
		if err != nil {
			return "", false, err
		}
		value, err = s.parameter(ctx, name)
		return value, true, err

	case loopPart:
		if at == nil || (p.name != "loop" && p.name != at.loop) {
			return "", false, nil
		}
		if p.key == "index" {
			return strconv.FormatUint(at.index, 10), true, nil
		}
		return at.value, p.key == "value", nil

	case chained:
		value, err = s.chained(ctx, p)
		return value, true, err
	}

	return "", false, nil
}

// parameter reads a value from the parameter store. Each such value counts as a secret.
func (s *scope) parameter(ctx context.Context, name string) (string, error) {
	if s.values == nil {
		return "", errors.New("look up parameter: no parameter store is configured")
	}
	value, err := s.values.Parameter(ctx, name)
	if err != nil {
		return "", fmt.Errorf("look up parameter: %w", err)
	}

	if s.learn != nil {
		s.learn(value)
	}

	return value, nil
}

// chained returns an output or a resolved input of an earlier step. A step that was skipped, failed or not selected
// has empty outputs.
func (s *scope) chained(ctx context.Context, p parsed) (string, error) {
	if p.side == "inputs" {
		return s.input(ctx, p)
	}
	outputs := s.outputs[p.prefix]

	if p.index >= 0 {
		if p.index < len(outputs) {
			return outputs[p.index][p.key], nil
		}
		return "", nil
	}

	values := make([]string, 0, len(outputs))
	for _, out := range outputs {
		values = append(values, out[p.key])
	}

	return strings.Join(values, "\n"), nil
}

// input resolves an input of an earlier step again; its references can only name steps before that one.
func (s *scope) input(ctx context.Context, p parsed) (string, error) {
	key := fmt.Sprint(p.prefix, "\x00", max(p.index, 0), "\x00", p.key)
	if text, known := s.inputs[key]; known {
		return text, nil
	}
	at, ok := s.steps.at[p.prefix]
	if !ok {
		return "", fmt.Errorf("there is no step %s", p.prefix)
	}

	step := s.steps.step(at)
	element := step.Inputs
	if element != nil && element.Shape == List {
		element = nil
		if i := max(p.index, 0); i < len(step.Inputs.Items) {
			element = step.Inputs.Items[i]
		}
	}

	text := ""

	if given := element.Get(p.key); given != nil {
		resolved, err := s.value(ctx, given, nil)
		if err != nil {
			return "", err
		}
		text = lines(resolved)
	} else if module, ok := s.modules[step.Action.Value]; ok {
		text = defaultText(module.Schema(), p.key)
	}

	s.inputs[key] = text
	return text, nil
}

func defaultText(schema Schema, name string) string {
	for _, field := range schema.Fields {
		if field.Name == name {
			return field.Default
		}
	}
	return ""
}

// lines joins the texts of a list, one a line.
func lines(v *Value) string {
	if v.Shape == Scalar {
		return v.Text
	}
	var texts []string
	v.Scalars(func(item *Value) { texts = append(texts, item.Text) })
	return strings.Join(texts, "\n")
}

// value copies v with its references resolved; it returns v itself if there are none.
func (s *scope) value(ctx context.Context, v *Value, at *iteration) (*Value, error) {
	referring := false
	v.Scalars(func(item *Value) { referring = referring || strings.Contains(item.Text, "{{") })
	if v == nil || !referring {
		return v, nil
	}
	resolved := *v

	var err error
	resolved.Text, err = s.text(ctx, v.Text, at)
	if err != nil {
		return nil, err
	}
	resolved.Items = make([]*Value, len(v.Items))
	for i, item := range v.Items {
		resolved.Items[i], err = s.value(ctx, item, at)
		if err != nil {
			return nil, err
		}
	}

	resolved.Entries = make([]Entry, len(v.Entries))
	for i, entry := range v.Entries {
		resolved.Entries[i].Key = entry.Key
		resolved.Entries[i].Value, err = s.value(ctx, entry.Value, at)
		if err != nil {
			return nil, err
		}
	}

	return &resolved, nil
}

// condition copies c with its references resolved.
func (s *scope) condition(ctx context.Context, c *Condition) (*Condition, error) {
	resolved := *c
	var err error
	resolved.Baseline, err = s.value(ctx, c.Baseline, nil)
	if err != nil {
		return nil, err
	}

	resolved.Tested, err = s.value(ctx, c.Tested, nil)
	if err != nil {
		return nil, err
	}

	resolved.Operands = make([]*Condition, len(c.Operands))
	for i, operand := range c.Operands {
		resolved.Operands[i], err = s.condition(ctx, operand)
		if err != nil {
			return nil, err
		}
	}

	return &resolved, nil
}
