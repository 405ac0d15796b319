package component

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"image-builder/internal/finding"
)

func (p *parser) step(v *Value) *Step {
	if v.Shape != Map {
		p.fault(finding.WrongType, v, "a step is "+v.Shape.String()+", not a map", "write - name:, action: and inputs:")
		return nil
	}
	step := &Step{At: v.At, OnFailure: Abort, Timeout: 7200, MaxAttempts: 1}
	v, step.strayInputs = p.stray(v)
	keys := p.keys(v, "a step", finding.UnknownKey, stepKeys, "name", "action")
	step.Name = p.name(v, keys["name"], "the step")
	p.action(step, v, keys["action"])

	if inputs := keys["inputs"]; inputs.Key != nil && inputs.Value.Shape != Null {
		step.Inputs = inputs.Value
	}

	p.settings(step, keys)
	if loop := keys["loop"]; loop.Key != nil && loop.Value.Shape != Null {
		step.Loop = p.loop(loop)
	}

	if condition := keys["if"]; condition.Key != nil && condition.Value.Shape != Null {
		step.If = p.condition(condition.Value, underIf)
	}

	return step
}

// stray finds inputs that are written beside the keys of a step instead of below inputs: one fault, whatever their
// number. It returns the step without them.
func (p *parser) stray(v *Value) (*Value, bool) {
	for _, entry := range v.Entries {
		key := entry.Key.Text
		switch {
		case key == "inputs" && entry.Value.Shape != Null:
			return v, false
		case !slices.Contains(stepKeys, key) && finding.Nearest(key, stepKeys) == "inputs":
			return v, false
		}
	}

	rest := *v
	found := false
	rest.Entries = slices.DeleteFunc(slices.Clone(v.Entries), func(entry Entry) bool {
		if slices.Contains(stepKeys, entry.Key.Text) || finding.Nearest(entry.Key.Text, stepKeys) != "" {
			return false
		}
		if !found {
			p.fault(finding.UnknownKey, entry.Key, fmt.Sprintf("a step has no %q", keyText(entry.Key)),
				"if it is an input, indent it below inputs; "+didYouMean(entry.Key.Text, stepKeys))
		}
		found = true
		return true
	})

	return &rest, found
}

func (p *parser) action(step *Step, v *Value, entry Entry) {
	if entry.Key == nil {
		p.errorAt(finding.MissingKey, v.At, fmt.Sprintf("step %q has no action", step.Name.Value), "add action, for example ExecuteBash")
		return
	}
	step.Action, _ = p.text(entry, "action")
	if step.Action.Value == "" && entry.Value.Shape <= Scalar {
		p.fault(finding.MissingKey, entry.Key, "action is empty", "name an action, for example ExecuteBash")
	}
}

func (p *parser) settings(step *Step, keys map[string]Entry) {
	if n, given, ok := p.number(keys["timeoutSeconds"], "timeoutSeconds", "a number of seconds, or -1 for no limit"); ok {
		if n < 1 && n != -1 {
			p.fault(finding.BadValue, place(given), fmt.Sprintf("timeoutSeconds is %d", n), "write a number of seconds above 0, or -1 for no limit")
		} else {
			step.Timeout = n
			step.timeoutGiven = given
		}
	}

	if n, given, ok := p.number(keys["maxAttempts"], "maxAttempts", "a number of attempts above 0"); ok {
		if n < 1 {
			p.fault(finding.BadValue, place(given), fmt.Sprintf("maxAttempts is %d", n), "write 1 or more; the first attempt counts")
		} else {
			step.MaxAttempts = n
			step.attemptsGiven = given
		}
	}

	if choice, ok := p.choice(keys["onFailure"], "onFailure", []string{string(Abort), string(Continue), string(Ignore)}); ok {
		step.OnFailure = OnFailure(choice)
	}

	if entry := keys["disableLogging"]; entry.Key != nil && entry.Value.Shape != Null {
		if text, ok := p.text(entry, "disableLogging"); ok {
			on, ok := parseBool(text.Value)
			step.DisableLogging = on
			if !ok {
				p.fault(finding.WrongType, place(text), fmt.Sprintf("disableLogging is %q", text.Value), "write true or false")
			}
		}
	}
}

// number reads an integer. It accepts quoted digits with a warning.
func (p *parser) number(entry Entry, what, right string) (int, Literal, bool) {
	text, ok := p.text(entry, what)
	if !ok || entry.Value.Shape == Null {
		return 0, text, false
	}
	n, err := strconv.Atoi(text.Value)
	if err != nil {
		p.fault(finding.WrongType, place(text), fmt.Sprintf("%s is %q, not a whole number", what, text.Value), "write "+right)
		return 0, text, false
	}

	if entry.Value.Style != 0 {
		p.warn(finding.WrongType, entry.Value, what+" is quoted", "write the number without quotes")
	}

	return n, text, true
}

func (p *parser) choice(entry Entry, what string, allowed []string) (string, bool) {
	text, ok := p.text(entry, what)
	if !ok || entry.Value.Shape == Null {
		return "", false
	}
	if !slices.Contains(allowed, text.Value) {
		p.fault(finding.BadValue, place(text), fmt.Sprintf("%s is %q", what, text.Value), didYouMean(text.Value, allowed))
		return "", false
	}
	return text.Value, true
}

// parseBool reads YAML 1.1's booleans, which older readers of these documents accept.
func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}
