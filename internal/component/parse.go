package component

import (
	"fmt"
	"slices"
	"strings"

	"image-builder/internal/finding"
)

// Parse reads a component document: its syntax and its form, but nothing that depends on action modules (see Check).
// File only names the document in findings. The document is nil if the text is unreadable as a whole; otherwise it
// holds whatever was readable, so that Check can continue.
func Parse(file string, text []byte) (*Document, finding.List) {
	root, findings := readYAML(file, text)
	if root == nil {
		return nil, findings
	}
	p := &parser{report: report{file: file, findings: findings}}
	p.doc = &Document{File: file, source: newSource(text)}
	// A second definition hides the first: a step, a name.
	twice := slices.ContainsFunc(findings, func(f finding.Finding) bool { return f.Code == finding.DuplicateKey })
	p.doc.looseNames = twice
	p.doc.looseSteps = twice

	if root.Shape != Map {
		p.fault(finding.WrongType, root, "the document is "+root.Shape.String()+", not a map",
			"write schemaVersion and phases as keys at the top")
		return nil, p.findings
	}
	p.document(root)
	p.doc.faults = sortFindings(p.findings)

	return p.doc, slices.Clone(p.doc.faults)
}

// parser fills a document from values.
type parser struct {
	report
	doc *Document
}

var (
	documentKeys = []string{"name", "description", "schemaVersion", "parameters", "constants", "phases"}
	phaseKeys    = []string{"name", "steps"}
	stepKeys     = []string{"name", "action", "inputs", "timeoutSeconds", "onFailure", "maxAttempts", "loop", "if", "disableLogging"}
)

// AMIPhases are the phases that Image Builder runs for an AMI, in order.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html
var AMIPhases = []string{"build", "validate", "test"}

// ServicePhases are all phases that Image Builder runs; the last only when it makes a container image.
var ServicePhases = append(slices.Clone(AMIPhases), "container-host-test")

// text reads a scalar; anything else is a fault, and a missing value is an empty text.
func (p *report) text(entry Entry, what string) (Literal, bool) {
	v := entry.Value
	switch {
	case v == nil:
		return Literal{}, false
	case v.Shape == Scalar:
		return textOf(v), true
	case v.Shape == Null:
		return Literal{At: entry.Key.At, Length: entry.Key.Length}, true
	}

	p.notText(v, what)
	return Literal{}, false
}

// notText reports a list or map where a text belongs, naming the usual cause.
func (p *report) notText(v *Value, what string) {
	right := "write one text"
	switch {
	case holdsBraces(v):
		right = "put quotes around a value that starts with {{"
	case v.Shape == Map && len(v.Entries) == 1 && v.Style == 0:
		right = "put quotes around a text that contains \": \", or write it as a block after |"
	}
	p.fault(finding.WrongType, v, fmt.Sprintf("%s is %s, not a text", what, v.Shape), right)
}

// holdsBraces recognises an unquoted {{ x }}, which YAML reads as a map whose key is a map.
func holdsBraces(v *Value) bool {
	return v.Shape == Map && len(v.Entries) == 1 && v.Entries[0].Key.Shape == Map
}

func (p *parser) document(root *Value) {
	keys := p.keys(root, "a component document", finding.UnknownKey, documentKeys, "schemaVersion", "phases")
	p.doc.Name, _ = p.text(keys["name"], "name")
	p.doc.Description, _ = p.text(keys["description"], "description")
	p.schemaVersion(root, keys["schemaVersion"])
	p.doc.Parameters = p.variables(keys["parameters"], false)
	p.doc.Constants = p.variables(keys["constants"], true)
	p.uniqueVariables()
	p.phases(root, keys["phases"])
}

func (p *parser) schemaVersion(root *Value, entry Entry) {
	if entry.Key == nil {
		p.errorAt(finding.MissingKey, root.At, "schemaVersion is missing", "add schemaVersion: 1.0")
		return
	}
	version, ok := p.text(entry, "schemaVersion")
	p.doc.SchemaVersion = version
	if ok && version.Value != "1.0" && version.Value != "1" {
		p.fault(finding.SchemaVersion, place(version), fmt.Sprintf("schemaVersion is %q", version.Value), "write 1.0, the only version")
	}
}

func (p *parser) phases(root *Value, entry Entry) {
	switch {
	case entry.Key == nil:
		p.errorAt(finding.MissingKey, root.At, "phases is missing", "add phases with a build, validate or test phase")
		return
	case entry.Value.Shape == Null || (entry.Value.Shape == List && len(entry.Value.Items) == 0):
		p.fault(finding.MissingKey, entry.Key, "phases is empty", "add a build, validate or test phase")
		return
	case entry.Value.Shape != List:
		p.fault(finding.WrongType, entry.Value, "phases is "+entry.Value.Shape.String()+", not a list", "start each phase with - name:")
		return
	}

	before := len(p.findings)
	names := make(map[string]Literal)
	for _, item := range entry.Value.Items {
		if phase := p.phase(item); phase != nil {
			p.doc.looseSteps = p.unique("phase", phase.Name, names[phase.Name.Value]) || p.doc.looseSteps
			names[phase.Name.Value] = phase.Name
			p.doc.Phases = append(p.doc.Phases, phase)
		}
	}

	p.knownPhase(len(p.findings) > before)
}

// knownPhase requires one phase that the service runs, unless the phases' names are in doubt already.
func (p *parser) knownPhase(doubtful bool) {
	var names []string
	for _, phase := range p.doc.Phases {
		if slices.Contains(ServicePhases, phase.Name.Value) {
			return
		}
		names = append(names, phase.Name.Value)
	}

	if len(names) == 0 || (doubtful && slices.Contains(names, "")) {
		return
	}
	right := "name a phase build, validate or test"
	for _, name := range names {
		if near := finding.Nearest(name, ServicePhases); near != "" {
			right = "did you mean " + near + "?"
		}
	}

	p.fault(finding.NoKnownPhase, place(p.doc.Phases[0].Name), fmt.Sprintf("the service runs none of the phases here (%s)", strings.Join(names, ", ")), right)
}

func (p *parser) phase(v *Value) *Phase {
	if v.Shape != Map {
		p.fault(finding.WrongType, v, "a phase is "+v.Shape.String()+", not a map", "write - name: build and steps below it")
		p.doc.looseSteps = true
		return nil
	}
	keys := p.keys(v, "a phase", finding.UnknownKey, phaseKeys, "name", "steps")
	phase := &Phase{At: v.At, Name: p.name(v, keys["name"], "the phase")}

	steps := keys["steps"]
	switch {
	case steps.Key == nil:
		p.errorAt(finding.MissingKey, v.At, fmt.Sprintf("phase %q has no steps", phase.Name.Value), "add steps")
		p.doc.looseSteps = true
	case steps.Value.Shape == Null:
		p.warn(finding.MissingKey, steps.Key, fmt.Sprintf("phase %q has no steps", phase.Name.Value), "add a step, or remove the phase")
	case steps.Value.Shape != List:
		p.fault(finding.WrongType, steps.Value, "steps is "+steps.Value.Shape.String()+", not a list", "start each step with - name:")
		p.doc.looseSteps = true
	default:
		p.steps(phase, steps.Value)
	}

	return phase
}

func (p *parser) steps(phase *Phase, list *Value) {
	names := make(map[string]Literal, len(list.Items))
	loops := make(map[string]Literal)
	for _, item := range list.Items {
		step := p.step(item)
		if step == nil {
			p.doc.looseSteps = true
			continue
		}

		if first, again := names[step.Name.Value]; again {
			p.doc.looseSteps = p.unique("step", step.Name, first) || p.doc.looseSteps
		}

		names[step.Name.Value] = step.Name

		if step.Loop != nil && step.Loop.Name.Value != "" {
			if first, again := loops[step.Loop.Name.Value]; again {
				p.unique("loop", step.Loop.Name, first)
			}
			loops[step.Loop.Name.Value] = step.Loop.Name
		}

		phase.Steps = append(phase.Steps, step)
	}
}

// unique reports the second of two equal names. Its intended name is unknown, so references may mean it.
func (p *parser) unique(kind string, second, first Literal) (again bool) {
	again = second.Value != "" && second.Value == first.Value
	if again {
		p.fault(finding.DuplicateName, place(second),
			fmt.Sprintf("%s %q exists already on line %d", kind, second.Value, first.At.Line), "give each a name of its own")
	}
	return again
}

// name reads the required name of a phase or step. Any text is a name, but references cannot express a dot or braces.
func (p *parser) name(v *Value, entry Entry, what string) Literal {
	if entry.Key == nil {
		p.errorAt(finding.MissingKey, v.At, what+" has no name", "add name")
		p.doc.looseSteps = true
		return Literal{}
	}
	name, ok := p.text(entry, "name")
	switch {
	case !ok:
		p.doc.looseSteps = true
	case strings.TrimSpace(name.Value) == "":
		p.fault(finding.MissingKey, place(name), "the name of "+strings.TrimPrefix(what, "the ")+" is empty", "write a name")
		p.doc.looseSteps = true
	case strings.ContainsAny(name.Value, ".{}"):
		p.warn(finding.OddName, place(name), fmt.Sprintf("the name %q holds a dot or a brace", name.Value),
			"use letters, digits, - and _, so that references can address it")
	}

	return name
}
