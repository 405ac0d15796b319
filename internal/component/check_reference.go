package component

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"image-builder/internal/finding"
)

// coordinates locate a step by the indexes of its phase and itself.
type coordinates struct {
	phase, step int
}

func (p coordinates) before(q coordinates) bool {
	return p.phase < q.phase || (p.phase == q.phase && p.step < q.step)
}

// index finds the steps of a document by "phase.step".
type index struct {
	doc *Document
	at  map[string]coordinates
}

func newIndex(doc *Document) index {
	x := index{doc: doc, at: make(map[string]coordinates)}
	for i, phase := range doc.Phases {
		for j, step := range phase.Steps {
			key := phase.Name.Value + "." + step.Name.Value
			if _, again := x.at[key]; !again {
				x.at[key] = coordinates{i, j}
			}
		}
	}
	return x
}

func (x index) step(at coordinates) *Step { return x.doc.Phases[at.phase].Steps[at.step] }

// references checks every reference of a step: in inputs, in its loop's items, in its condition.
func (c *checker) references(at coordinates) {
	step := c.steps.step(at)
	step.Inputs.Scalars(func(v *Value) { c.scalar(at, v, step.Loop) })
	step.If.texts(func(v *Value) { c.scalar(at, v, nil) })
	if step.Loop != nil {
		step.Loop.List.Scalars(func(v *Value) { c.scalar(at, v, nil) })
		for _, item := range step.Loop.Each {
			item.Scalars(func(v *Value) { c.scalar(at, v, nil) })
		}
	}
}

// spot is a reference in a text; its place in the file is worked out only for a finding.
type spot struct {
	in  *Value
	ref reference
}

func (c *checker) at(here spot) *Value {
	return &Value{At: c.doc.Locate(here.in, here.ref.start), Length: utf8.RuneCountInString(here.in.Text[here.ref.start:here.ref.end])}
}

// scalar checks the references in one text. Loop is the loop whose index and value the text may use.
func (c *checker) scalar(at coordinates, v *Value, loop *Loop) {
	c.unclosed(v)

	for ref := range references(v.Text) {
		if len(c.findings) >= maxFindings {
			return
		}
		here := spot{v, ref}

		p := parseReference(ref.body)
		switch p.meaning {
		case malformed:
			if strings.Contains(v.Text[ref.start:ref.end], "\n") {
				continue // braces of a script or a table, not meant as a reference
			}
			c.fault(finding.BadReference, c.at(here), fmt.Sprintf("{{ %s }} is not a reference", cut(ref.body, 80)),
				"write {{ Name }} or {{ phase.step.outputs.name }}; braces meant as text go into the value of a constant")

		case plainText:
			if p.name != "" || ref.body == "" {
				c.warn(finding.BadReference, c.at(here), fmt.Sprintf("{{%s}} is not a reference of this language", cut(ref.body, 80)),
					"replace it before the document is run")
			}

		case variableName:
			c.variable(p.name, here)
		case parameterNamed:
			if p.inner.meaning == variableName {
				c.variable(p.inner.name, here)
			}

		case loopPart:
			c.loopPart(p, here, loop)
		case chained:
			c.chained(at, p, here)
		}
	}
}

// filtered matches what other template languages take for a value with a filter or a call, whose arguments may hold
// braces.
var filtered = regexp.MustCompile(`^\{\{[ \t]*[\w.\[\]-]+[ \t]*[|(][^\n{}]*\{[^\n{}]*\}[^\n{}]*\}\}`)

// unclosed warns of a reference that lacks a brace, or contains one: awstoe takes it for text, which its author
// hardly meant.
func (c *checker) unclosed(v *Value) {
	for ref := range openings(v.Text) {
		if whole := filtered.FindString(v.Text[ref.start:]); whole != "" {
			ref.end = ref.start + len(whole)
			c.warn(finding.BadReference, c.at(spot{v, ref}), cut(whole, 80)+" is not a reference: it stays as it is",
				"write {{ Name }} or {{ phase.step.outputs.name }}: there are no filters and no calls")
			continue
		}

		p := parseReference(ref.body)
		_, step := c.steps.at[p.prefix]

		_, declared := c.variables[p.name]
		if (p.meaning == chained && step) || (p.meaning == variableName && declared) || (p.meaning == loopPart && p.name == "loop") {
			c.warn(finding.BadReference, c.at(spot{v, ref}), fmt.Sprintf("{{ %s is not closed: it stays as it is", ref.body), "close it with }}")
		}
	}
}

func (c *checker) variable(name string, here spot) {
	if _, declared := c.variables[name]; declared || c.doc.looseNames {
		return
	}
	right := "declare it under parameters or constants"
	if near := finding.Nearest(name, slices.Sorted(maps.Keys(c.variables))); near != "" {
		right = "did you mean " + near + "?"
	}
	c.fault(finding.Undeclared, c.at(here), fmt.Sprintf("%s is not declared", name), right)
}

func (c *checker) loopPart(p parsed, here spot, loop *Loop) {
	text := p.name + "." + p.key
	known := p.key == "index" || p.key == "value"

	own := loop != nil && (p.name == "loop" || p.name == loop.Name.Value)
	switch {
	case own && !known:
		c.fault(finding.LoopReference, c.at(here), "a loop has no "+p.key, "write "+p.name+".index or "+p.name+".value")
	case own:
	case p.name == "loop" || c.loops[p.name]:
		c.warn(finding.LoopReference, c.at(here), "{{ "+text+" }} stays as it is: only the inputs of the step with the loop see it", "move it there")
	default:
		c.fault(finding.BadReference, c.at(here), "there is no loop "+p.name, "write loop."+p.key+", or name the loop")
	}
}

// chained checks a reference to another step's inputs or outputs.
func (c *checker) chained(at coordinates, p parsed, here spot) {
	target, ok := c.steps.at[p.prefix]
	if !ok {
		c.unknownStep(p, here)
		return
	}
	phase := c.doc.Phases[target.phase].Name.Value
	switch {
	case target == at:
		c.fault(finding.LaterStep, c.at(here), "the step refers to itself", "refer to a step before it")
		return
	case at.before(target):
		c.fault(finding.LaterStep, c.at(here), fmt.Sprintf("the step %s runs later", p.prefix), "refer to a step before this one")
		return
	case inTest(phase) != inTest(c.doc.Phases[at.phase].Name.Value):
		c.warn(finding.StageCrossed, c.at(here), fmt.Sprintf("phase %s runs in another stage, on another machine: nothing is handed over", phase),
			"write the value to a file of the image, or refer to a step of the same stage")
	}

	if module, ok := c.modules[c.steps.step(target).Action.Value]; ok {
		c.part(p, here, c.steps.step(target), module.Schema())
	}
}

func inTest(phase string) bool { return phase == "test" || phase == "container-host-test" }

func (c *checker) unknownStep(p parsed, here spot) {
	if c.doc.looseSteps {
		return
	}
	right := "refer to a step of this document by phase and name"
	if near := finding.Nearest(p.prefix, slices.Sorted(maps.Keys(c.steps.at))); near != "" {
		right = "did you mean " + near + "?"
	}
	c.fault(finding.UnknownStep, c.at(here), "there is no step "+p.prefix, right)
}

// part checks that the step has this input or output, and this element of the list.
func (c *checker) part(p parsed, here spot, target *Step, schema Schema) {
	known := schema.Outputs

	if p.side == "inputs" {
		known = nil
		for _, field := range schema.Fields {
			known = append(known, field.Name)
		}
		if len(schema.Fields) == 1 && schema.Fields[0].Kind == Predicate {
			return
		}
	}

	if !slices.Contains(known, p.key) {
		message := fmt.Sprintf("%s has no %s %q", schema.Action, strings.TrimSuffix(p.side, "s"), p.key)
		if len(known) == 0 {
			c.fault(finding.UnknownOutput, c.at(here), message, schema.Action+" has no outputs")
			return
		}
		c.fault(finding.UnknownOutput, c.at(here), message, didYouMean(p.key, known))
		return
	}

	elements := 1
	if target.Inputs != nil && target.Inputs.Shape == List {
		elements = max(1, len(target.Inputs.Items))
	}

	if p.index >= elements {
		c.fault(finding.UnknownOutput, c.at(here), fmt.Sprintf("%s has no element %d, only %d", p.prefix, p.index, elements), "count from 0")
	}
}
