package testbed

import (
	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/wire"
)

// pair holds two templates; the second updates the stack of the first.
type pair struct {
	before, after wire.Values // sections by name, or the resources
	first, second map[string]string
	ownEvents     bool // the recording has events in a form of its own: they are not compared
}

func (p pair) replay(r *replay) {
	if p.ownEvents {
		delete(r.content, "per-resource-events")
	}
	r.parameters = [2]map[string]string{p.first, p.second}
	r.capture(cloudformation.Written(whole(p.before)), cloudformation.Written(whole(p.after)), func() {})
}

// whole is a template of sections, or of resources only.
func whole(sections wire.Values) wire.Values {
	if sections["Resources"] != nil {
		return sections
	}
	return wire.Values{"Resources": sections}
}

func topic(name string, display any) wire.Values {
	properties := wire.Values{}
	if name != "" {
		properties["TopicName"] = name
	}
	if display != nil {
		properties["DisplayName"] = display
	}
	return wire.Values{"Type": "AWS::SNS::Topic", "Properties": properties}
}

func ssmParameter(properties wire.Values) wire.Values {
	properties["Type"] = "String"
	return wire.Values{"Type": "AWS::SSM::Parameter", "Properties": properties}
}

func ref(name string) wire.Values { return wire.Values{"Ref": name} }

func attribute(name, of string) wire.Values { return wire.Values{"Fn::GetAtt": []any{name, of}} }

// named is a topic whose name is a parameter.
func named(declared wire.Values) wire.Values {
	return wire.Values{"Parameters": wire.Values{"TopicName": declared}, "Resources": wire.Values{"Foo": wire.Values{"Type": "AWS::SNS::Topic", "Properties": wire.Values{"TopicName": ref("TopicName")}}}}
}

func param(name string) map[string]string { return map[string]string{"TopicName": name} }

var (
	nameOf    = attribute("Topic1", "DisplayName")
	oneTopic  = wire.Values{"Topic1": topic("topic-name-1", "display-value-1")}
	changed   = wire.Values{"Topic1": topic("topic-name-1", "display-value-2")}
	twoTopics = func(first wire.Values, display any) wire.Values {
		return wire.Values{"Topic1": first["Topic1"], "Topic2": topic("topic-name-2", display)}
	}
	chain = func(first wire.Values, second, third any) wire.Values {
		return wire.Values{"Topic1": first["Topic1"], "Topic2": topic("topic-name-2", second), "Topic3": topic("topic-name-3", third)}
	}
	before, after = wire.Values{"Topic1": topic("topic-name-1", "value")}, wire.Values{"Topic1": topic("updated-topic-name-1", "new_value")}
)

// These updates' recordings are in LocalStack's repository.
var replayedPairs = map[string]pair{
	"change_set_fn_get_attr/test_resource_addition":                                     {before: oneTopic, after: twoTopics(oneTopic, nameOf)},
	"change_set_fn_get_attr/test_resource_deletion":                                     {before: twoTopics(oneTopic, nameOf), after: oneTopic},
	"change_set_fn_get_attr/test_direct_attribute_value_change":                         {before: twoTopics(oneTopic, nameOf), after: twoTopics(changed, nameOf)},
	"change_set_fn_get_attr/test_direct_attribute_value_change_in_get_attr_chain":       {before: chain(oneTopic, nameOf, attribute("Topic2", "DisplayName")), after: chain(changed, nameOf, attribute("Topic2", "DisplayName"))},
	"change_set_fn_get_attr/test_direct_attribute_value_change_with_dependent_addition": {before: oneTopic, after: twoTopics(changed, nameOf)},
	"change_set_fn_get_attr/test_immutable_property_update_causes_resource_replacement": {before: twoTopics(before, nameOf), after: twoTopics(after, nameOf)},
	"change_set_ref/test_resource_addition":                                             {before: oneTopic, after: twoTopics(oneTopic, ref("Topic1"))},
	"change_set_ref/test_direct_attribute_value_change":                                 {before: twoTopics(oneTopic, ref("Topic1")), after: twoTopics(changed, ref("Topic1"))},
	"change_set_ref/test_direct_attribute_value_change_in_ref_chain":                    {before: chain(oneTopic, ref("Topic1"), ref("Topic2")), after: chain(changed, ref("Topic1"), ref("Topic2"))},
	"change_set_ref/test_direct_attribute_value_change_with_dependent_addition":         {before: oneTopic, after: twoTopics(changed, ref("Topic1"))},
	"change_set_ref/test_immutable_property_update_causes_resource_replacement":         {before: twoTopics(before, ref("Topic1")), after: twoTopics(after, ref("Topic1"))},
	"change_set_parameters/test_update_parameter_default_value":                         {before: named(wire.Values{"Type": "String", "Default": "topic-name-1"}), after: named(wire.Values{"Type": "String", "Default": "topic-name-2"})},
	"change_set_parameters/test_update_parameter_with_added_default_value":              {before: named(wire.Values{"Type": "String"}), after: named(wire.Values{"Type": "String", "Default": "topic-name-2"}), first: param("topic-name-1")},
	"change_set_parameters/test_update_parameter_with_removed_default_value":            {before: named(wire.Values{"Type": "String", "Default": "topic-name-1"}), after: named(wire.Values{"Type": "String"}), second: param("topic-name-2")},
	"change_set_parameters/test_update_parameter_default_value_with_dynamic_overrides":  {before: named(wire.Values{"Type": "String", "Default": "default-value-1"}), after: named(wire.Values{"Type": "String", "Default": "default-value-2"}), first: param("topic-name-1"), second: param("topic-name-2")},
	"change_set_parameters/test_parameter_type_change":                                  {before: valued("Number"), after: valued("String"), first: map[string]string{"Value": "123"}, second: map[string]string{"Value": "456"}},
	"change_sets/test_direct_update":                                                    {before: wire.Values{"Foo": topic("topic-1", nil)}, after: wire.Values{"Foo": topic("topic-2", nil)}},
	"change_sets/test_dynamic_update":                                                   {before: dependentOn(topic("topic-1", nil)), after: dependentOn(topic("topic-2", nil))},
	"change_sets/test_unrelated_changes_update_propagation":                             {before: propagated("original"), after: propagated("changed"), ownEvents: true},
	"change_sets/test_unrelated_changes_requires_replacement":                           {before: renamed("parameter-1-name"), after: renamed("parameter-2-name"), ownEvents: true},
	"change_sets/test_base_mapping_scenarios[update_string_referencing_resource]":       {before: wire.Values{"MySSMParameter": ssmParameter(wire.Values{"Value": "value-1"})}, after: wire.Values{"MySSMParameter": ssmParameter(wire.Values{"Value": "value-2"})}},
	"change_set_conditions/test_condition_update_removes_resource": {
		before: conditional("true", wire.Values{"SNSTopic": created(topic("topic-name-1", nil))}),
		after:  conditional("false", wire.Values{"SNSTopic": created(topic("topic-name-1", nil)), "TopicPlaceholder": topic("topic-name-2", nil)}),
	},
	"change_set_conditions/test_condition_update_adds_resource": {
		before: conditional("false", wire.Values{"SNSTopic": created(topic("topic-name-1", nil)), "TopicPlaceholder": topic("topic-name-2", nil)}),
		after:  conditional("true", wire.Values{"SNSTopic": created(topic("topic-name-1", nil)), "TopicPlaceholder": topic("topic-name-2", nil)}),
	},
	"change_set_conditions/test_condition_add_new_negative_condition_to_existent_resource": {
		before: wire.Values{"SNSTopic": topic("topic-name-1", nil)},
		after:  conditional("false", wire.Values{"SNSTopic": created(topic("topic-name-1", nil)), "TopicPlaceholder": topic("topic-name-2", nil)}),
	},
	"change_set_conditions/test_condition_add_new_positive_condition_to_existent_resource": {
		before: wire.Values{"SNSTopic1": topic("topic-name-1", nil)},
		after:  conditional("true", wire.Values{"SNSTopic1": created(topic("topic-name-1", nil)), "SNSTopic2": created(topic("topic-name-2", nil))}),
	},
	"change_set_depends_on/test_update_depended_resource":      depends("Topic1"),
	"change_set_depends_on/test_update_depended_resource_list": depends([]any{"Topic1"}),
}

func valued(kind string) wire.Values {
	return wire.Values{"Parameters": wire.Values{"Value": wire.Values{"Type": kind}}, "Resources": wire.Values{"MyParameter": ssmParameter(wire.Values{"Value": ref("Value")})}}
}

func dependentOn(first wire.Values) wire.Values {
	return wire.Values{"Foo": first, "Parameter": ssmParameter(wire.Values{"Value": attribute("Foo", "TopicName")})}
}

func propagated(text string) wire.Values {
	return wire.Values{
		"Parameter1": ssmParameter(wire.Values{"Value": "topic-name", "Description": text}),
		"Parameter2": ssmParameter(wire.Values{"Value": attribute("Parameter1", "Value")}),
	}
}

func renamed(name string) wire.Values {
	return wire.Values{
		"Parameter1": ssmParameter(wire.Values{"Value": "value", "Name": name}),
		"Parameter2": ssmParameter(wire.Values{"Value": attribute("Parameter1", "Value")}),
	}
}

// conditional has a condition that holds if a text is true.
func conditional(text string, resources wire.Values) wire.Values {
	return wire.Values{"Conditions": wire.Values{"CreateTopic": wire.Values{"Fn::Equals": []any{"true", text}}}, "Resources": resources}
}

func created(resource wire.Values) wire.Values {
	resource["Condition"] = "CreateTopic"
	return resource
}

func depends(on any) pair {
	second := topic("topic-name-2", "display-value-2")
	second["DependsOn"] = on
	return pair{
		before: wire.Values{"Topic1": topic("topic-name-1", "display-value-1"), "Topic2": second},
		after:  wire.Values{"Topic1": topic("topic-name-1", "display-value-1-updated"), "Topic2": second},
	}
}
