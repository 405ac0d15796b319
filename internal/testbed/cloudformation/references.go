package cloudformation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// reference is what a function names: a parameter, a resource, or a resource's attribute.
type reference struct{ name, attribute string }

var substitution = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// references returns the references in a part of a template, in the order of the maps' keys.
func references(value any) []reference {
	switch v := value.(type) {
	case []any:
		var all []reference
		for _, item := range v {
			all = append(all, references(item)...)
		}
		return all

	case map[string]any:
		if len(v) == 1 {
			if name, ok := v["Ref"].(string); ok {
				return []reference{{name: name}}
			}
			if pair, ok := v["Fn::GetAtt"].([]any); ok && len(pair) == 2 {
				return []reference{{fmt.Sprint(pair[0]), fmt.Sprint(pair[1])}}
			}
			if argument, ok := v["Fn::Sub"]; ok {
				return substituted(argument)
			}
		}
		var all []reference
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, references(v[key])...)
		}
		return all
	}

	return nil
}

// substituted returns the references of Fn::Sub, without its own variables.
func substituted(argument any) []reference {
	text := argument
	local := map[string]any{}
	var all []reference

	if pair, ok := argument.([]any); ok && len(pair) == 2 {
		text = pair[0]
		local, _ = pair[1].(map[string]any)
		all = references(pair[1])
	}

	for _, found := range substitution.FindAllStringSubmatch(fmt.Sprint(text), -1) {
		name, attribute, _ := strings.Cut(found[1], ".")
		if _, own := local[found[1]]; !own {
			all = append(all, reference{name, attribute})
		}
	}

	return all
}

// needs returns the existing resources that must be there before this one.
func (t *template) needs(name string, exists func(string) bool) []string {
	body := t.resource(name)
	var names []string
	add := func(needed string) {
		if needed != name && t.resource(needed) != nil && exists(needed) && !slices.Contains(names, needed) {
			names = append(names, needed)
		}
	}
	for _, r := range references(body["Properties"]) {
		add(r.name)
	}

	switch explicit := body["DependsOn"].(type) {
	case string:
		add(explicit)
	case []any:
		for _, needed := range explicit {
			add(fmt.Sprint(needed))
		}
	}

	slices.Sort(names)
	return names
}
