package cloudformation

import (
	"reflect"
	"slices"
	"strings"

	"image-builder/internal/testbed/cloudformation/intrinsic"

	"image-builder/internal/testbed/wire"
)

// delta lists the changes of a change set.
type delta struct {
	schemas  *schemas
	stack    *stack
	old, new *template
	before   intrinsic.Scope            // of existing resources that stay
	after    intrinsic.Scope            // of what is wanted
	gone     intrinsic.Scope            // of what is removed
	changed  map[string]bool            // parameters that are new, or whose own value changed
	replaced map[string]bool            // resources that are, or may be, replaced
	modified map[string]bool            // resources that are changed in some way
	tags     bool                       // the stack's tags change
	byID     map[string]*resourceChange // by logical ID
	retyped  []string                   // resources whose type would change
}

// resourceChange is the change of one resource.
type resourceChange struct {
	action, replacement string
	details             []changeDetail
	before, after       map[string]any
}

// changeDetail is a ResourceChangeDetail; some are only shown with values, or only without.
type changeDetail struct {
	wire.Values
	shown visibility
}

type visibility int

const (
	always visibility = iota
	withValues
	withoutValues
)

// compare returns the changes by logical ID; a new stack has no old template.
func (c *Service) compare(s *stack, cs *changeSet) (*delta, error) {
	x := &delta{
		schemas: c.schemas, stack: s, new: cs.template, old: s.template,
		changed: map[string]bool{}, replaced: map[string]bool{}, modified: map[string]bool{}, byID: map[string]*resourceChange{},
	}
	if x.old == nil {
		x.old = &template{data: intrinsic.Template{}}
	}

	stays := func(name string) bool { return s.resources[name] != nil && x.after.Exists(name) && !x.replaced[name] }
	x.gone = foreseen(s, x.old, s.parameters, func(string) bool { return false })
	x.before = foreseen(s, x.old, s.parameters, func(name string) bool { return s.resources[name] != nil })
	x.after = foreseen(s, cs.template, cs.parameters, stays)
	for _, p := range cs.parameters {
		before, ok := s.parameter(p.name)
		x.changed[p.name] = !ok || before.value != p.value
	}

	x.tags = s.template != nil && cs.tags != nil && !reflect.DeepEqual(cs.tags, s.tags)
	for range x.new.data.Section("Resources") { // resources that depend on a replaced resource may be replaced in turn
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
			x.byID[name] = change
		}
	}

	return nil
}

func (x *delta) one(name string) (*resourceChange, error) {
	was := x.stack.resources[name] != nil
	is := x.after.Exists(name)
	change := &resourceChange{action: "Modify"}
	var err error

	if was {
		scope := x.before
		if !is {
			scope = x.gone
		}
		change.before, err = x.context(scope, name)
		if err != nil {
			return nil, err
		}
	}

	if is {
		change.after, err = x.context(x.after, name)
		if err != nil {
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

// forbidden reports changes that AWS refuses; "" if there are none.
func (x *delta) forbidden() string {
	if len(x.retyped) == 0 {
		return ""
	}
	slices.Sort(x.retyped)
	return "Update of resource type is not permitted. The new template modifies resource type of the following resources: [" + strings.Join(x.retyped, ", ") + "]"
}

// context is a resource as change sets show it.
func (x *delta) context(scope intrinsic.Scope, name string) (map[string]any, error) {
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
