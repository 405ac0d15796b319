package cloudformation

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"image-builder/internal/testbed/wire"
)

func (cs *changeSet) describe() wire.Values {
	v := wire.Values{
		"ChangeSetId": cs.id, "ChangeSetName": cs.name, "StackId": cs.stack.id, "StackName": cs.stack.name, "CreationTime": cs.created,
		"Status": cs.status, "ExecutionStatus": cs.execution, "NotificationARNs": cs.notifications, "RollbackConfiguration": wire.Values{},
		"Capabilities": cs.capabilities, "IncludeNestedStacks": false,
	}

	if cs.parameters != nil {
		v["Parameters"] = described(cs.parameters)
	}

	if cs.tags != nil {
		v["Tags"] = cs.tags
	}

	for name, text := range map[string]string{"StatusReason": cs.reason, "Description": cs.description, "OnStackFailure": cs.onFailure} {
		if text != "" {
			v[name] = text
		}
	}

	return v
}

// list returns the changes by logical ID.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
func (cs *changeSet) list(values bool) []wire.Values {
	var all []wire.Values
	for _, name := range slices.Sorted(maps.Keys(cs.changes.byID)) {
		change := cs.changes.byID[name]
		if details := shown(change.details, values); len(details) > 0 || change.action != "Modify" {
			all = append(all, wire.Values{"Type": "Resource", "ResourceChange": cs.describeChange(name, details, values)})
		}
	}
	return all
}

func (cs *changeSet) describeChange(name string, details []any, values bool) wire.Values {
	change := cs.changes.byID[name]
	t := cs.template

	if change.action == "Remove" {
		t = cs.changes.old
	}

	v := wire.Values{"Action": change.action, "LogicalResourceId": name, "ResourceType": t.kind(name), "Scope": scopeOf(details), "Details": details}
	if r := cs.stack.resources[name]; r != nil && change.action != "Add" {
		v["PhysicalResourceId"] = r.physicalID
	}

	if change.replacement != "" {
		v["Replacement"] = change.replacement
	}

	switch {
	case change.action == "Remove":
		v["PolicyAction"] = cmp.Or(wire.Text(t.resource(name), "DeletionPolicy"), "Delete")
	case change.replacement == "True" || change.replacement == "Conditional":
		v["PolicyAction"] = "ReplaceAnd" + cmp.Or(wire.Text(t.resource(name), "UpdateReplacePolicy"), "Delete")
	}

	for name, context := range map[string]map[string]any{"BeforeContext": change.before, "AfterContext": change.after} {
		if values && context != nil {
			text, _ := json.Marshal(context) // of a template: always JSON
			v[name] = string(text)
		}
	}

	return v
}

func scopeOf(details []any) []any {
	scope := []any{}
	for _, d := range details {
		if attribute := wire.Struct(d.(wire.Values), "Target")["Attribute"]; !slices.Contains(scope, attribute) {
			scope = append(scope, attribute)
		}
	}
	return scope
}

// shown are details with or without values; without values, details that differed only in them become one.
func shown(details []changeDetail, values bool) []any {
	all := []any{}
	for _, given := range details {
		if (given.shown == withValues && !values) || (given.shown == withoutValues && values) {
			continue
		}
		d := maps.Clone(given.Values)

		if !values {
			target := maps.Clone(wire.Struct(d, "Target"))
			for _, name := range []string{"Path", "AttributeChangeType", "BeforeValue", "AfterValue"} {
				delete(target, name)
			}
			d["Target"] = target
		}

		if !slices.ContainsFunc(all, func(other any) bool { return reflect.DeepEqual(other, any(d)) }) {
			all = append(all, d)
		}
	}

	return all
}

// AWS says this of functions that need a list whose value is still unknown. The text for Fn::Join is recorded.
var wantList = map[string]string{
	"Fn::Join":   "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
	"Fn::Select": "Fn::Select requires a list argument with two elements: an integer index and a list",
}

// incomplete is AWS's text for a change set with values if it cannot work out some of them; "" if it can.
func (cs *changeSet) incomplete() string {
	for _, name := range slices.Sorted(maps.Keys(cs.changes.byID)) {
		if cs.changes.byID[name].after == nil {
			continue
		}
		if flaw := cs.changes.listless(cs.template.resource(name)["Properties"]); flaw != "" {
			return "[WARN] --include-property-values option can return incomplete ChangeSet data because: ChangeSet creation failed for resource [" + name + "] because: Template error: " + flaw
		}
	}
	return ""
}

// listless reports a function in a value that needs a list whose value is still unknown; "" if there is none.
func (x *delta) listless(value any) string {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if flaw := x.listless(item); flaw != "" {
				return flaw
			}
		}

	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if pair, ok := v[name].([]any); ok && wantList[name] != "" && len(pair) == 2 {
				list, err := x.after.Value(pair[1])
				if _, unknown := list.(string); unknown && err == nil {
					return wantList[name]
				}
			}
			if flaw := x.listless(v[name]); flaw != "" {
				return flaw
			}
		}
	}

	return ""
}
