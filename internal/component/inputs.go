package component

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"image-builder/internal/finding"
)

// decoder reads a step's inputs by the schema of its module.
type decoder struct {
	report
	// final says that references are resolved: remaining braces are plain text.
	final bool
}

// Fault is an error of Schema.Check or Field.Check with a place and a severity. Any other error concerns the whole
// element or value, and is an error.
type Fault struct {
	// Field is the wrong input; empty: all of them together.
	Field   string
	Warning bool
	Message string
	// Right is the advice, if there is any: "write one of commands and file".
	Right string
}

func (f Fault) Error() string { return f.Message }

// inputs reads every element of a step's inputs. It leaves out elements with faults.
func (d *decoder) inputs(schema Schema, step *Step) []Inputs {
	var decoded []Inputs
	for _, element := range d.elements(schema, step) {
		before := d.findings.Errors()
		in := d.element(schema, element)
		if d.findings.Errors() > before {
			continue
		}
		if schema.Check != nil {
			d.rule(schema.Check(in), element, element)
		}
		decoded = append(decoded, in)
	}

	return decoded
}

// elements returns the maps that inputs consists of, in either notation.
func (d *decoder) elements(schema Schema, step *Step) []*Value {
	v := step.Inputs
	switch {
	case v == nil && schema.Bare:
		return []*Value{{Shape: Map, At: step.Action.At}}
	case v == nil && step.strayInputs:
		return nil
	case v == nil:
		d.fault(finding.MissingInput, place(step.Action), fmt.Sprintf("action %s has no inputs", schema.Action), "add inputs with "+required(schema))
		return nil

	case v.Shape == Map:
		if schema.List {
			d.warn(finding.InputShape, v, schema.Action+" takes a list of inputs, this is one map", "put - before its first key")
		}
		return []*Value{v}

	case v.Shape == List && len(v.Items) == 0 && !schema.Bare:
		d.fault(finding.MissingInput, v, "the inputs of "+schema.Action+" are empty", "add an entry with "+required(schema))
		return nil
	case v.Shape != List:
		d.fault(finding.InputShape, v, "inputs is "+v.Shape.String(), "write "+required(schema)+" below it")
		return nil
	}

	return d.listed(schema, v)
}

func (d *decoder) listed(schema Schema, v *Value) []*Value {
	if !schema.List && len(v.Items) > 1 {
		d.fault(finding.InputShape, v, schema.Action+" takes one map of inputs, this is a list", "remove the - before its keys")
		return nil
	}

	if !schema.List {
		d.warn(finding.InputShape, v, schema.Action+" takes one map of inputs, this is a list", "remove the - before its keys")
	}

	var elements []*Value
	for _, item := range v.Items {
		if item.Shape != Map {
			d.fault(finding.InputShape, item, "an entry of inputs is "+item.Shape.String()+", not a map", "write "+required(schema)+" as its keys")
			continue
		}
		elements = append(elements, item)
	}

	return elements
}

func required(schema Schema) string {
	var names []string
	for _, field := range schema.Fields {
		if field.Required && field.Kind != Predicate {
			names = append(names, field.Name)
		}
	}
	if len(names) == 0 {
		return "the inputs of " + schema.Action
	}
	return strings.Join(names, " and ")
}

func (d *decoder) element(schema Schema, v *Value) Inputs {
	if len(schema.Fields) == 1 && schema.Fields[0].Kind == Predicate {
		if c := d.condition(v, inAssert); c != nil {
			return Inputs{schema.Fields[0].Name: c}
		}
		return nil
	}

	names := make([]string, len(schema.Fields))
	for i, field := range schema.Fields {
		names[i] = field.Name
	}

	before := len(d.findings)
	keys := d.keys(v, schema.Action, finding.UnknownInput, names)
	// An unknown input is most likely the missing one under a wrong name: one fault, not two.
	excused := len(d.findings) - before

	in := make(Inputs, len(schema.Fields))
	for _, field := range schema.Fields {
		entry, given := keys[field.Name]
		switch {
		case given && entry.Value.Shape != Null:
			if value, ok := d.field(field, entry.Value); ok {
				in[field.Name] = value
			}
		case field.Required && given:
			d.fault(finding.MissingInput, entry.Key, fmt.Sprintf("%s of %s is empty", field.Name, schema.Action), "give it a value")

		case field.Required && excused > 0:
			excused--
		case field.Required:
			d.errorAt(finding.MissingInput, v.At, fmt.Sprintf("%s has no %s", schema.Action, field.Name), "add "+field.Name)
		case field.Default != "":
			in[field.Name] = defaultOf(field)
		}
	}

	return in
}

func defaultOf(field Field) any {
	switch field.Kind {
	case Bool:
		on, _ := parseBool(field.Default)
		return on
	case Int:
		n, _ := strconv.Atoi(field.Default)
		return n
	}
	return field.Default
}

// field reads one input. A value that holds a reference is read as its text until the reference is resolved.
func (d *decoder) field(field Field, v *Value) (any, bool) {
	switch field.Kind {
	case Texts:
		return d.texts(field, v)
	case TextMap:
		return d.textMap(field, v)
	case Pairs:
		return d.pairs(field, v)
	case Scalars:
		if v.Shape == List {
			return d.texts(field, v)
		}
	}

	if v.Shape != Scalar {
		d.notText(v, field.Name)
		return nil, false
	}
	if !d.final && HasReference(v.Text) {
		d.scheme(field, v)
		return v.Text, true
	}

	d.literal(field, v)
	return d.scalar(field, v)
}

// scheme checks the beginning of a URL whose end is known only when the step runs.
func (d *decoder) scheme(field Field, v *Value) {
	before, _, _ := strings.Cut(v.Text, "{{")
	before = strings.ToLower(strings.TrimLeft(before, " "))
	fits := func(scheme string) bool {
		return strings.HasPrefix(before, scheme) || strings.HasPrefix(scheme, before)
	}
	if len(field.Schemes) == 0 || slices.ContainsFunc(field.Schemes, fits) {
		return
	}
	d.fault(finding.InputValue, v, fmt.Sprintf("%s begins with %q, not with %s", field.Name, cut(before, 40), strings.Join(field.Schemes, " or ")),
		"write "+field.Schemes[0]+" before the reference")
}

func (d *decoder) scalar(field Field, v *Value) (any, bool) {
	switch field.Kind {
	case Bool:
		on, ok := parseBool(v.Text)
		if !ok {
			d.fault(finding.WrongType, v, fmt.Sprintf("%s is %q", field.Name, v.Text), "write true or false")
		}
		return on, ok

	case Int:
		n, err := strconv.Atoi(v.Text)
		if err != nil {
			d.fault(finding.WrongType, v, fmt.Sprintf("%s is %q, not a whole number", field.Name, v.Text), "write digits")
		}
		return n, err == nil
	}

	return v.Text, true
}

// literal applies the field's own rules to a known text.
func (d *decoder) literal(field Field, v *Value) {
	if len(field.OneOf) > 0 && !slices.ContainsFunc(field.OneOf, func(one string) bool { return strings.EqualFold(one, v.Text) }) {
		d.fault(finding.InputValue, v, fmt.Sprintf("%s is %q", field.Name, v.Text), didYouMean(v.Text, field.OneOf))
		return
	}
	if field.Check == nil {
		return
	}

	err := field.Check(v.Text)
	if left := placeholder.FindString(v.Text); err != nil && left != "" && excused(field, v.Text) {
		err = Fault{Warning: true, Message: field.Name + " still holds the placeholder " + left, Right: "put a value there before the document is used"}
	}

	d.rule(err, v, v)
}

// excused reports whether only placeholders make a text wrong.
func excused(field Field, text string) bool {
	at := placeholder.FindStringIndex(text)
	return at[0] == 0 || field.Check(placeholder.ReplaceAllString(text, "0")) == nil || field.Check(placeholder.ReplaceAllString(text, "0/0")) == nil
}

// placeholder matches what samples and templates leave to fill in: <BUCKET>, ${bucket}.
var placeholder = regexp.MustCompile(`<[^<>]+>|\$\{[^{}]*\}`)

// rule reports an error of a module's own check, at the field it names.
func (d *decoder) rule(err error, element, at *Value) {
	if err == nil {
		return
	}
	f := finding.Finding{Code: finding.InputValue, Message: err.Error()}

	var fault Fault
	if errors.As(err, &fault) {
		f.Right = fault.Right
		if fault.Warning {
			f.Severity = finding.Warning
		}
		if field := element.Get(fault.Field); field != nil {
			at = field
		}
	}

	f.Position = at.At
	f.Length = at.Length
	d.add(f)
}
