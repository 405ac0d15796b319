package testbed

import (
	"image-builder/internal/testbed/wire"
)

// shows is a topic whose display name changes; its name is topic-name-1, or none.
func shows(name string, before, after any) pair {
	return pair{before: wire.Values{"Topic1": topic(name, before)}, after: wire.Values{"Topic1": topic(name, after)}}
}

// follows is a second topic that copies a value of the first through a function.
func follows(names [2]string, before, after, through any) pair {
	return pair{
		before: wire.Values{"Topic1": topic(names[0], before), "Topic2": topic(names[1], through)},
		after:  wire.Values{"Topic1": topic(names[0], after), "Topic2": topic(names[1], through)},
	}
}

func join(delimiter string, items any) wire.Values {
	return wire.Values{"Fn::Join": []any{delimiter, items}}
}

func parts(delimiter string, text any) wire.Values {
	return wire.Values{"Fn::Split": []any{delimiter, text}}
}

func choose(index int, items ...any) wire.Values {
	return wire.Values{"Fn::Select": []any{index, items}}
}

func sub(argument ...any) wire.Values {
	if len(argument) == 1 {
		return wire.Values{"Fn::Sub": argument[0]}
	}
	return wire.Values{"Fn::Sub": argument}
}

// declaring adds a parameter to the second template.
func (p pair) declaring(name, text string) pair {
	p.after = wire.Values{"Parameters": wire.Values{name: wire.Values{"Type": "String", "Default": text}}, "Resources": whole(p.after)["Resources"]}
	return p
}

var (
	one, both  = "topic-name-1", [2]string{"topic-name-1", "topic-name-2"}
	stackName  = sub("The stack name is ${AWS::StackName}")
	oneVar     = sub("Parameter interpolation: ${var_name_1}", wire.Values{"var_name_1": "var_value_1"})
	twoVars    = sub("Parameter interpolation: ${var_name_1}, ${var_name_2}", wire.Values{"var_name_1": "var_value_1", "var_name_2": "var_value_2"})
	prefixed   = join("-", []any{"prefix", nameOf})
	underlined = join("_", parts("-", "part1-part2-part3"))
)

// These functions are evaluated in updates as AWS does.
var replayedFunctions = map[string]pair{
	"change_set_fn_join/test_update_string_literal_delimiter_empty":           shows(one, join("", []any{"v1", "test"}), join("-", []any{"v1", "test"})),
	"change_set_fn_join/test_update_string_literal_arguments_empty":           shows(one, join("", []any{}), join("", []any{"v1", "test"})),
	"change_set_fn_join/test_update_string_literal_argument":                  shows(one, join("-", []any{"v1", "test"}), join("-", []any{"v2", "test"})),
	"change_set_fn_join/test_update_string_literal_delimiter":                 shows(one, join("-", []any{"v1", "test"}), join("_", []any{"v2", "test"})),
	"change_set_fn_join/test_update_refence_argument":                         follows(both, "display-name-1", "display-name-2", prefixed),
	"change_set_fn_join/test_indirect_update_refence_argument":                follows(both, join("-", []any{"display", "name", "1"}), join("-", []any{"display", "name", "2"}), prefixed),
	"change_set_fn_sub/test_fn_sub_addition_string_pseudo":                    shows(one, "display-value-1", stackName),
	"change_set_fn_sub/test_fn_sub_update_string_pseudo":                      shows(one, stackName, sub("The region name is ${AWS::Region}")),
	"change_set_fn_sub/test_fn_sub_delete_string_pseudo":                      shows(one, stackName, "display-name-2"),
	"change_set_fn_sub/test_fn_sub_addition_parameter_literal":                shows(one, "display-value-1", sub("Parameter interpolation: ${var_name}", wire.Values{"var_name": "var_value"})),
	"change_set_fn_sub/test_fn_sub_update_parameter_literal":                  shows(one, oneVar, twoVars),
	"change_set_fn_sub/test_fn_sub_delete_parameter_literal":                  shows(one, twoVars, oneVar),
	"change_set_fn_sub/test_fn_sub_addition_parameter":                        shows(one, "display-value-1", sub("Parameter interpolation: ${ParameterDisplayName}")).declaring("ParameterDisplayName", "display-value-parameter"),
	"change_set_fn_sub/test_fn_sub_addition_parameter_ref":                    shows(one, "display-value-1", sub("Parameter interpolation: ${var_name}", wire.Values{"var_name": ref("ParameterDisplayName")})).declaring("ParameterDisplayName", "display-value-parameter"),
	"change_set_fn_select/test_fn_select_add_to_static_property":              shows("", one, choose(1, "1st", "2nd", "3rd")),
	"change_set_fn_select/test_fn_select_remove_from_static_property":         shows("", choose(1, "1st", "2nd", "3rd"), one),
	"change_set_fn_select/test_fn_select_change_in_selection_list":            shows("", choose(1, "1st", "2nd"), choose(1, "1st", "new-2nd", "3rd")),
	"change_set_fn_select/test_fn_select_change_in_selection_index_only":      shows("", choose(1, "1st", "2nd"), choose(0, "1st", "2nd")),
	"change_set_fn_select/test_fn_select_change_in_selected_element_type_ref": shows("", choose(0, "1st"), choose(0, ref("AWS::StackName"))),
	"change_set_fn_select/test_fn_select_change_get_att_reference":            follows([2]string{}, "topic-name-1", "topic-name-2", choose(0, nameOf)),
	"change_set_fn_split/test_fn_split_add_to_static_property":                shows("", one, underlined),
	"change_set_fn_split/test_fn_split_remove_from_static_property":           shows("", underlined, one),
	"change_set_fn_split/test_fn_split_change_delimiter":                      shows("", join("_", parts("-", "a-b--c::d")), join("_", parts(":", "a-b--c::d"))),
	"change_set_fn_split/test_fn_split_change_source_string_only":             shows("", join("_", parts("-", "a-b")), join("_", parts("-", "x-y-z"))),
	"change_set_fn_split/test_fn_split_with_ref_as_string_source": {
		before: delimited("hello-world"), after: delimited("foo-bar-baz"),
	},
	"change_set_fn_split/test_fn_split_with_get_att": follows([2]string{}, "topic-name-1", "topic-name-2", join("_", parts("-", nameOf))),
}

func delimited(text string) wire.Values {
	return wire.Values{
		"Parameters": wire.Values{"DelimiterParam": wire.Values{"Type": "String", "Default": text}},
		"Resources":  wire.Values{"Topic1": topic("", join("_", parts("-", ref("DelimiterParam"))))},
	}
}
