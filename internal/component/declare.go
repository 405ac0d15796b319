package component

import (
	"fmt"

	"image-builder/internal/finding"
)

var (
	parameterKeys = []string{"type", "default", "description", "allowedValues"}
	constantKeys  = []string{"type", "value"}
)

// variables reads parameters or constants: a list of maps of one key each.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-user-defined-variables.html
func (p *parser) variables(entry Entry, constant bool) []Variable {
	if entry.Key == nil || entry.Value.Shape == Null {
		return nil
	}
	if entry.Value.Shape != List {
		p.fault(finding.WrongType, entry.Value, entry.Key.Text+" is "+entry.Value.Shape.String()+", not a list",
			"write - before each name")
		p.doc.looseNames = true
		return nil
	}

	var variables []Variable
	for _, item := range entry.Value.Items {
		if v, ok := p.variable(item, kindOf(constant), constant); ok {
			variables = append(variables, v)
		} else {
			p.doc.looseNames = true
		}
	}

	return variables
}

func kindOf(constant bool) string {
	if constant {
		return "constant"
	}
	return "parameter"
}

func (p *parser) variable(item *Value, kind string, constant bool) (Variable, bool) {
	if item.Shape != Map || len(item.Entries) != 1 || item.Entries[0].Value.Shape != Map {
		p.fault(finding.BadDeclaration, item, "a "+kind+" is not declared as one name with a map below it", declarationAdvice(item))
		return Variable{}, false
	}
	key := item.Entries[0].Key
	body := item.Entries[0].Value
	v := Variable{Name: textOf(key), Constant: constant}

	if !goodVariableName(key.Text) {
		p.fault(finding.BadDeclaration, key, fmt.Sprintf("the %s name %q is not allowed", kind, key.Text),
			"use 3 to 128 letters, digits, - and _")
		p.doc.looseNames = true
	}

	known := parameterKeys
	value := "default"

	if constant {
		known = constantKeys
		value = "value"
	}

	var required []string
	if constant {
		required = []string{value}
	}

	keys := p.keys(body, "a "+kind, finding.UnknownKey, known, required...)
	p.variableType(&v, kind, key, keys["type"])
	v.Description, _ = p.text(keys["description"], "description")

	if given := keys[value]; given.Key != nil {
		v.Default, v.Given = p.text(given, value)
	} else if constant {
		p.fault(finding.MissingKey, key, fmt.Sprintf("the constant %s has no value", key.Text), "add value")
	}

	p.allowed(&v, keys["allowedValues"])
	return v, true
}

// declarationAdvice names the usual mistakes: `- name: X`, and the body not indented below the name.
func declarationAdvice(item *Value) string {
	if name := item.Get("name"); name != nil && name.Shape == Scalar {
		return fmt.Sprintf("write - %s: with type and the rest indented below it", name.Text)
	}
	if item.Shape == Map && len(item.Entries) > 1 && item.Entries[0].Value.Shape == Null {
		return "indent type and the rest below the name"
	}
	return "write - Name: with type: string indented below it"
}

func goodVariableName(name string) bool {
	return len(name) >= 3 && len(name) <= 128 && isWord(name)
}

func (p *parser) variableType(v *Variable, kind string, key *Value, entry Entry) {
	if entry.Key == nil {
		p.fault(finding.MissingKey, key, fmt.Sprintf("the %s %s has no type", kind, key.Text), "add type: string")
		return
	}
	text, ok := p.text(entry, "type")
	v.Type = text
	if ok && text.Value != "string" {
		p.fault(finding.BadDeclaration, place(text), fmt.Sprintf("the type of %s is %q", key.Text, text.Value), "write string, the only type")
	}
}

func (p *parser) allowed(v *Variable, entry Entry) {
	if entry.Key == nil || entry.Value.Shape == Null {
		return
	}
	if entry.Value.Shape != List {
		p.fault(finding.WrongType, entry.Value, "allowedValues is "+entry.Value.Shape.String()+", not a list", "write [a, b]")
		return
	}

	for _, item := range entry.Value.Items {
		if text, ok := p.text(Entry{entry.Key, item}, "an allowed value"); ok {
			v.Allowed = append(v.Allowed, text)
		}
	}

	if v.Given && !v.allows(v.Default.Value) {
		p.warn(finding.BadDeclaration, place(v.Default), fmt.Sprintf("the default of %s is not one of its allowedValues", v.Name.Value),
			"add it, or choose another default")
	}
}

// allows reports whether the parameter may have this value.
func (v *Variable) allows(value string) bool {
	for _, allowed := range v.Allowed {
		if allowed.Value == value {
			return true
		}
	}
	return len(v.Allowed) == 0
}

// uniqueVariables requires unique names across parameters and constants.
func (p *parser) uniqueVariables() {
	first := make(map[string]Literal)
	for _, list := range [][]Variable{p.doc.Parameters, p.doc.Constants} {
		for _, v := range list {
			if _, again := first[v.Name.Value]; again {
				p.doc.looseNames = p.unique(kindOf(v.Constant), v.Name, first[v.Name.Value]) || p.doc.looseNames
				continue
			}
			first[v.Name.Value] = v.Name
		}
	}

	if len(p.doc.Parameters) > maxParameters {
		p.fault(finding.TooManyVariable, place(p.doc.Parameters[maxParameters].Name),
			fmt.Sprintf("%d parameters are declared", len(p.doc.Parameters)), fmt.Sprintf("the service takes %d", maxParameters))
	}

	for _, v := range p.doc.Parameters {
		if len([]rune(v.Default.Value)) > maxParameterValue {
			p.warn(finding.LongDefault, place(v.Default), fmt.Sprintf("the default of %s is longer than %d characters", v.Name.Value, maxParameterValue),
				"shorten it: the service refuses longer values")
		}
	}
}

// Quotas of EC2 Image Builder. https://docs.aws.amazon.com/general/latest/gr/imagebuilder.html
const (
	maxParameters     = 25
	maxParameterValue = 1024     // characters
	maxDocument       = 64 << 10 // bytes
	maxInline         = 16_000   // characters
)
