package awstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"image-builder/templates/stacktest"
)

// delta is what a change set changes.
type delta struct {
	schemas       *schemas
	stack         *stack
	old, new      *template
	before, after stacktest.Scope
	changed       map[string]bool            // parameters whose own value changed
	replaced      map[string]bool            // resources that are replaced, perhaps
	modified      map[string]bool            // resources that are changed in some way
	tags          bool                       // the stack's tags change
	resources     map[string]*resourceChange // by logical ID
	retyped       []string                   // resources that would be of another type
}

// resourceChange is what happens to one resource.
type resourceChange struct {
	action, replacement string
	details             []Values // with values
	before, after       map[string]any
}

// compare returns the changes by logical ID; there is no old template before the stack is made.
func (c *CloudFormation) compare(s *stack, cs *changeSet) (*delta, error) {
	x := &delta{
		schemas: c.schemas, stack: s, new: cs.template, old: s.template, after: foreseen(s, cs.template, cs.parameters),
		changed: map[string]bool{}, replaced: map[string]bool{}, modified: map[string]bool{}, resources: map[string]*resourceChange{},
	}
	if x.old == nil {
		x.old = &template{data: stacktest.Template{}}
	}
	x.before = foreseen(s, x.old, s.parameters)
	for _, p := range cs.parameters {
		if before, ok := s.parameter(p.name); ok && before.kind == p.kind && before.value != p.value {
			x.changed[p.name] = true
		}
	}
	x.tags = s.template != nil && cs.tags != nil && !reflect.DeepEqual(cs.tags, s.tags)
	for range x.new.data.Section("Resources") { // what depends on a replaced resource may be replaced in turn
		seen := len(x.replaced) + len(x.modified)
		if err := x.all(); err != nil {
			return nil, err
		}
		if len(x.replaced)+len(x.modified) == seen {
			break
		}
	}
	return x, nil
}

func (x *delta) all() error {
	names := map[string]bool{}
	for name := range x.old.data.Section("Resources") {
		names[name] = x.stack.resources[name] != nil
	}
	for name := range x.new.data.Section("Resources") {
		names[name] = names[name] || x.after.Exists(name)
	}
	for name, concerned := range names {
		if !concerned {
			continue
		}
		change, err := x.one(name)
		if err != nil {
			return err
		}
		if change != nil {
			x.resources[name] = change
		}
	}
	return nil
}

func (x *delta) one(name string) (*resourceChange, error) {
	was, is := x.stack.resources[name] != nil, x.after.Exists(name)
	change := &resourceChange{action: "Modify"}
	var err error
	if was {
		if change.before, err = x.context(x.before, name); err != nil {
			return nil, err
		}
	}
	if is {
		if change.after, err = x.context(x.after, name); err != nil {
			return nil, err
		}
	}
	switch {
	case !was:
		change.action = "Add"
		return change, nil
	case !is:
		change.action = "Remove"
		return change, nil
	}
	if x.old.kind(name) != x.new.kind(name) {
		x.retype(name)
	}
	x.detail(name, change)
	if len(change.details) == 0 {
		return nil, nil
	}
	change.replacement = replacement(change.details)
	x.modified[name] = true
	if change.replacement != "False" {
		x.replaced[name] = true
	}
	return change, nil
}

func (x *delta) retype(name string) {
	if !slices.Contains(x.retyped, name) {
		x.retyped = append(x.retyped, name)
	}
}

// forbidden says that there are changes which AWS does not make; "" if there are none.
func (x *delta) forbidden() string {
	if len(x.retyped) == 0 {
		return ""
	}
	slices.Sort(x.retyped)
	return "Update of resource type is not permitted. The new template modifies resource type of the following resources: [" + strings.Join(x.retyped, ", ") + "]"
}

// context is a resource as change sets show it.
func (x *delta) context(scope stacktest.Scope, name string) (map[string]any, error) {
	properties, err := evaluated(scope, name)
	if err != nil {
		return nil, invalid("Template error: %v", err)
	}
	context := map[string]any{"Properties": properties}
	body := scope.Template.Section("Resources")[name].(map[string]any)
	if metadata := body["Metadata"]; metadata != nil {
		value, err := scope.Value(metadata)
		if err != nil {
			return nil, invalid("Template error: %v", err)
		}
		context["Metadata"] = value
	}
	return context, nil
}

// detail finds what changes, property by property.
func (x *delta) detail(name string, change *resourceChange) {
	old, now := x.old.resource(name), x.new.resource(name)
	if !reflect.DeepEqual(change.before["Metadata"], change.after["Metadata"]) {
		x.add(change, Values{"Attribute": "Metadata", "RequiresRecreation": "Never"}, old["Metadata"], now["Metadata"], nil)
	}
	before, after := structOf(change.before, "Properties"), structOf(change.after, "Properties")
	oldRaw, newRaw := structOf(old, "Properties"), structOf(now, "Properties")
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, property := range slices.Sorted(maps.Keys(all)) {
		target := func() Values {
			return Values{"Attribute": "Properties", "Name": property, "RequiresRecreation": x.schemas.recreated(textOf(now, "Type"), property)}
		}
		if leaves := differences("/Properties/"+property, before[property], after[property]); len(leaves) > 0 {
			for _, leaf := range leaves {
				x.add(change, target(), oldRaw[property], newRaw[property], leaf)
			}
			continue
		}
		x.dependent(change, target, newRaw[property])
	}
	if x.tags {
		change.details = append(change.details, detail(Values{"Attribute": "Tags", "RequiresRecreation": "Never"}, "DirectModification", "Static", ""))
	}
	slices.SortStableFunc(change.details, func(a, b Values) int { return rankOf(a) - rankOf(b) })
}

// rankOf orders details: what a parameter changes comes first, what is only known later last.
func rankOf(detail Values) int {
	if detail["Evaluation"] == "Dynamic" {
		return 1
	}
	return 0
}

func detail(target Values, source, evaluation, cause string) Values {
	d := Values{"Target": target, "ChangeSource": source, "Evaluation": evaluation}
	if cause != "" {
		d["CausingEntity"] = cause
	}
	return d
}

// add records a difference. Where the template's text is the same, a parameter makes it.
func (x *delta) add(change *resourceChange, target Values, old, now any, leaf Values) {
	maps.Copy(target, leaf)
	causes := []string{}
	if reflect.DeepEqual(old, now) {
		for _, r := range references(now) {
			if x.changed[r.name] && !slices.Contains(causes, r.name) {
				causes = append(causes, r.name)
			}
		}
	}
	for _, cause := range causes {
		change.details = append(change.details, detail(maps.Clone(target), "ParameterReference", "Static", cause))
	}
	evaluation := "Static"
	if len(causes) > 0 {
		evaluation = "Dynamic"
	}
	change.details = append(change.details, detail(target, "DirectModification", evaluation, ""))
}

// dependent records that a property may change because of another resource.
func (x *delta) dependent(change *resourceChange, target func() Values, raw any) {
	for _, r := range references(raw) {
		switch {
		case r.attribute == "" && x.replaced[r.name]:
			change.details = append(change.details, detail(target(), "ResourceReference", "Dynamic", r.name))
		case r.attribute != "" && x.modified[r.name]:
			change.details = append(change.details, detail(target(), "ResourceAttribute", "Dynamic", r.name+"."+r.attribute))
		}
	}
}

// differences returns where two values differ, at any depth, with both values.
func differences(path string, before, after any) []Values {
	one, isMap := before.(map[string]any)
	other, areMaps := after.(map[string]any)
	if isMap && areMaps {
		var all []Values
		names := maps.Clone(one)
		maps.Copy(names, other)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			all = append(all, differences(path+"/"+name, one[name], other[name])...)
		}
		return all
	}
	first, isList := before.([]any)
	second, areLists := after.([]any)
	if isList && areLists && len(first) == len(second) {
		var all []Values
		for i := range first {
			all = append(all, differences(fmt.Sprintf("%s/%d", path, i), first[i], second[i])...)
		}
		return all
	}
	if fmt.Sprint(before) == fmt.Sprint(after) && (before == nil) == (after == nil) {
		return nil
	}
	return []Values{difference(path, before, after)}
}

func difference(path string, before, after any) Values {
	d := Values{"Path": path, "AttributeChangeType": "Modify"}
	switch {
	case before == nil:
		d["AttributeChangeType"] = "Add"
	case after == nil:
		d["AttributeChangeType"] = "Remove"
	}
	for name, value := range map[string]any{"BeforeValue": before, "AfterValue": after} {
		if value != nil {
			d[name] = written(value)
		}
	}
	return d
}

// written is a value as a text: JSON where it is none.
func written(value any) string {
	switch value.(type) {
	case map[string]any, []any:
		text, _ := json.Marshal(value) // of a template: always JSON
		return string(text)
	}
	return fmt.Sprint(value)
}

// replacement tells what details do to a resource.
func replacement(details []Values) string {
	result := "False"
	for _, d := range details {
		switch recreation := textOf(structOf(d, "Target"), "RequiresRecreation"); {
		case recreation == "Always" && d["Evaluation"] == "Static":
			return "True"
		case recreation != "Never":
			result = "Conditional"
		}
	}
	return result
}
