package cloudformation

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"image-builder/internal/testbed/wire"
)

// detail finds the changes, property by property.
func (x *delta) detail(name string, change *resourceChange) {
	old, now := x.old.resource(name), x.new.resource(name)
	if !reflect.DeepEqual(change.before["Metadata"], change.after["Metadata"]) {
		x.add(change, wire.Values{"Attribute": "Metadata", "RequiresRecreation": "Never"}, old["Metadata"], now["Metadata"])
	}

	before, after := wire.Struct(change.before, "Properties"), wire.Struct(change.after, "Properties")
	oldRaw := wire.Struct(old, "Properties")
	newRaw := wire.Struct(now, "Properties")
	all := maps.Clone(before)
	maps.Copy(all, after)

	for _, property := range slices.Sorted(maps.Keys(all)) {
		target := wire.Values{"Attribute": "Properties", "Name": property, "RequiresRecreation": x.schemas.recreated(wire.Text(now, "Type"), property)}
		leaves := differences("/Properties/"+property, before[property], after[property])
		for _, leaf := range leaves {
			maps.Copy(leaf, target)
			x.add(change, leaf, at(oldRaw, wire.Text(leaf, "Path")), at(newRaw, wire.Text(leaf, "Path")))
		}
		if len(leaves) == 0 {
			x.dependent(change, target, newRaw[property])
		}
	}

	if x.tags {
		change.say(wire.Values{"Attribute": "Tags", "RequiresRecreation": "Never"}, "DirectModification", "Static", "", always)
	}

	slices.SortStableFunc(change.details, func(a, b changeDetail) int { return a.rank() - b.rank() })
}

// at returns the part of a resource's raw properties at a path, or the first function on the way.
func at(properties map[string]any, path string) any {
	var value any = properties
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/Properties/"), "/") {
		switch v := value.(type) {
		case map[string]any:
			below, ok := v[segment]
			if !ok {
				return value
			}
			value = below

		case []any:
			i, err := strconv.Atoi(segment)
			if err != nil || i >= len(v) {
				return value
			}
			value = v[i]
		}
	}

	return value
}

// rank orders details: certain ones come first.
func (d changeDetail) rank() int {
	if d.Values["Evaluation"] == "Dynamic" {
		return 1
	}
	return 0
}

func (r *resourceChange) say(target wire.Values, source, evaluation, cause string, shown visibility) {
	d := wire.Values{"Target": target, "ChangeSource": source, "Evaluation": evaluation}
	if cause != "" {
		d["CausingEntity"] = cause
	}
	r.details = append(r.details, changeDetail{d, shown})
}

// add records a difference, and the parameters and replaced resources that cause it.
func (x *delta) add(change *resourceChange, target wire.Values, old, now any) {
	sources := x.causes(now)
	if len(sources) == 0 {
		change.say(target, "DirectModification", "Static", "", always)
		return
	}
	shown := withValues
	for _, cause := range slices.Sorted(maps.Keys(sources)) {
		change.say(maps.Clone(target), sources[cause], "Static", cause, always)
		if sources[cause] == "ParameterReference" || !reflect.DeepEqual(old, now) {
			shown = always
		}
	}

	change.say(target, "DirectModification", "Dynamic", "", shown)
}

// causes are the references in a value that themselves change, and how.
func (x *delta) causes(value any) map[string]string {
	sources := map[string]string{}
	for _, r := range references(value) {
		switch {
		case x.changed[r.name]:
			sources[r.name] = "ParameterReference"
		case x.replaced[r.name] && r.attribute == "":
			sources[r.name] = "ResourceReference"
		case x.replaced[r.name]:
			sources[r.name+"."+r.attribute] = "ResourceAttribute"
		}
	}

	return sources
}

// dependent records that a property may change because of another resource; AWS reports it unless the caller asks for
// values.
func (x *delta) dependent(change *resourceChange, target wire.Values, raw any) {
	for _, r := range references(raw) {
		if r.attribute != "" && x.modified[r.name] {
			change.say(maps.Clone(target), "ResourceAttribute", "Dynamic", r.name+"."+r.attribute, withoutValues)
		}
	}
}

// differences returns where two values differ, at any depth, with both values.
func differences(path string, before, after any) []wire.Values {
	one, isMap := before.(map[string]any)
	other, areMaps := after.(map[string]any)
	if isMap && areMaps {
		var all []wire.Values
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
		var all []wire.Values
		for i := range first {
			all = append(all, differences(fmt.Sprintf("%s/%d", path, i), first[i], second[i])...)
		}
		return all
	}

	if fmt.Sprint(before) == fmt.Sprint(after) && (before == nil) == (after == nil) {
		return nil
	}
	return []wire.Values{difference(path, before, after)}
}

func difference(path string, before, after any) wire.Values {
	d := wire.Values{"Path": path, "AttributeChangeType": "Modify"}
	switch {
	case before == nil:
		d["AttributeChangeType"] = "Add"
	case after == nil:
		d["AttributeChangeType"] = "Remove"
	}

	for name, value := range map[string]any{"BeforeValue": before, "AfterValue": after} {
		if value != nil {
			d[name] = Written(value)
		}
	}

	return d
}

// Written is a value as text: JSON if it is not a text.
func Written(value any) string {
	switch value.(type) {
	case map[string]any, []any:
		text, _ := json.Marshal(value) // of a template: always JSON
		return string(text)
	}
	return fmt.Sprint(value)
}

// replacement derives from details what happens to a resource.
func replacement(details []changeDetail) string {
	result := "False"
	for _, d := range details {
		recreation := wire.Text(wire.Struct(d.Values, "Target"), "RequiresRecreation")
		switch {
		case recreation == "Always" && d.Values["Evaluation"] == "Static":
			return "True"
		case recreation != "Never":
			result = "Conditional"
		}
	}

	return result
}
