package testbed

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

const secretTemplate = `
Parameters:
  NormalParameter: {Type: String, Default: Some default value here}
  SecretParameter: {Type: String, NoEcho: true}
  SecretParameterWithDefault: {Type: String, NoEcho: true, Default: Default secret value here}
Resources:
  LocalBucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: cfn-noecho-bucket, Tags: [{Key: SecretTag, Value: !Ref SecretParameter}]}
    Metadata: {SensitiveData: !Ref SecretParameter}
Outputs:
  SecretValue: {Description: Secret value from parameter, Value: !Ref SecretParameter}
`

var replayedUpdates = map[string]func(*replay){
	"test_update_with_resource_types": func(r *replay) {
		r.deploy(simpleTemplate, map[string]string{"TopicName": "topic-1"})
		for key, pattern := range map[string]string{"invalid_type_error": "AWS::EC2:*", "resource_not_allowed": "AWS::EC2::*"} {
			answer, _ := r.fails("UpdateStack", wire.Values{
				"StackName": r.stack, "TemplateBody": simpleTemplate, "ResourceTypes": []any{pattern}, "Parameters": parametersOf(map[string]string{"TopicName": "topic-2"}),
			})
			r.is(key, answer)
		}
	},
	"test_basic_update": func(r *replay) {
		r.deploy(simpleTemplate, map[string]string{"TopicName": "topic-1"})
		r.is("update_response", r.do("UpdateStack", wire.Values{
			"StackName": r.stack, "TemplateBody": simpleTemplate, "Parameters": parametersOf(map[string]string{"TopicName": "topic-2"}),
		}))
		r.wait(r.stack, "UPDATE_COMPLETE")
	},
	"test_no_template_error": func(r *replay) {
		r.deploy(topicTemplate, nil)
		answer, _ := r.fails("UpdateStack", wire.Values{"StackName": r.stack})
		r.is("error", answer)
	},
	"test_diff_after_update": func(r *replay) {
		const after = "\nResources:\n    SimpleParam1:\n        Type: AWS::SSM::Parameter\n        Properties:\n            Value: after-stack-update\n            Type: String\n"
		r.deploy(minimalTemplate, nil)
		in := wire.Values{"StackName": r.stack, "TemplateBody": after}
		r.do("UpdateStack", in)
		r.wait(r.stack, "UPDATE_COMPLETE")
		r.is("get-template-response", r.do("GetTemplate", wire.Values{"StackName": r.stack}))
		answer, _ := r.fails("UpdateStack", in)
		r.is("update-error", answer)
	},
	"test_update_deleted_stack": func(r *replay) {
		id := r.deploy(minimalTemplate, nil)
		r.destroy(id)
		answer, _ := r.fails("CreateChangeSet", wire.Values{"StackName": id, "ChangeSetName": "test", "TemplateBody": minimalTemplate, "ChangeSetType": "UPDATE"})
		r.is("Error", answer)
	},
	"test_invalid_output_structure[none-value]": func(r *replay) {
		r.refuses(`{"Resources": {"Foo": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"MyOutput": {"Value": null}}}`, "validation-error")
	},
	"test_invalid_output_structure[missing-def]": func(r *replay) {
		r.refuses(`{"Resources": {"Foo": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"MyOutput": {"Value": null, "AnotherValue": null}}}`, "validation-error")
	},
	"test_invalid_output_structure[multiple-nones]": func(r *replay) {
		r.refuses(`{"Resources": {"Foo": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"MyOutput": {}}}`, "validation-error")
	},
	"test_missing_resources_block": func(r *replay) { r.refuses(`{}`, "validation-error") },
	"test_resources_blocks[missing-type]": func(r *replay) {
		r.refuses(`{"Resources": {"A": {"Properties": {}}}}`, "validation-error")
	},
	"test_resources_blocks[invalid-key]": func(r *replay) {
		r.refuses(`{"Resources": {"A": {"Type": "AWS::SNS::Topic", "Invalid": 10}}}`, "validation-error")
	},
	"test_update_parameter_between_deployments": func(r *replay) {
		template := parameterTemplate("AWS::SSM::Parameter::Value<String>")
		r.of("ssm", "PutParameter", wire.Values{"Name": "param", "Value": "one", "Type": "String"})
		r.parameters = [2]map[string]string{{"MyValue": "param"}, {"MyValue": "param"}}
		r.capture(template, template, func() {
			r.of("ssm", "PutParameter", wire.Values{"Name": "param", "Value": "two", "Type": "String", "Overwrite": true})
		})
	},
	"test_change_parameter_type": func(r *replay) {
		r.of("ssm", "PutParameter", wire.Values{"Name": "param", "Value": "one", "Type": "String"})
		r.parameters = [2]map[string]string{{"MyValue": "param"}, {"MyValue": "param"}}
		r.capture(parameterTemplate("String"), parameterTemplate("AWS::SSM::Parameter::Value<String>"), func() {})
	},
	"test_no_echo_parameter":         hiddenParameter,
	"test_stack_deletion_order[C]":   func(r *replay) { r.shrink("C") },
	"test_stack_deletion_order[B-C]": func(r *replay) { r.shrink("B", "C") },
	"test_stack_deletion_order[A-B-C]": func(r *replay) {
		r.shrink("A", "B", "C")
	},
}

func parameterTemplate(kind string) string {
	return `{"Parameters": {"MyValue": {"Type": "` + kind + `"}},
		"Resources": {"MyParameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "MyValue"}}}}}`
}

// capture deploys, updates and deletes, and compares everything on the way.
func (r *replay) capture(before, after string, between func()) (id string) {
	for i, template := range []string{before, after} {
		n := string("12"[i])
		kind := "CREATE"
		done := "CREATE_COMPLETE"

		if i == 1 {
			between()
			kind = "UPDATE"
			done = "UPDATE_COMPLETE"
		}

		in := wire.Values{"StackName": r.stack, "ChangeSetName": "cs", "TemplateBody": template, "ChangeSetType": kind}
		if given := r.parameters[i]; given != nil {
			in["Parameters"] = parametersOf(given)
		}

		recordedCapabilities := wire.Struct(r.content, "describe-change-set-1")["Capabilities"]
		if list, _ := recordedCapabilities.([]any); len(list) > 0 { // later recordings acknowledge them
			in["Capabilities"] = list
		}

		created := r.do("CreateChangeSet", in)
		id = created["StackId"].(string)
		r.is("create-change-set-"+n, created)
		r.is("describe-change-set-"+n+"-prop-values", r.made(wire.Values{"ChangeSetName": created["Id"], "IncludePropertyValues": true}, "CREATE_COMPLETE"))
		r.is("describe-change-set-"+n, r.do("DescribeChangeSet", wire.Values{"ChangeSetName": created["Id"]}))
		r.is("execute-change-set-"+n, r.do("ExecuteChangeSet", wire.Values{"ChangeSetName": created["Id"]}))
		r.is("post-create-"+n+"-describe", r.wait(id, done))
	}

	events := byResource(r.do("DescribeStackEvents", wire.Values{"StackName": id})["StackEvents"].([]any))
	r.destroy(id)
	r.is("delete-describe", only(r.do("DescribeStacks", wire.Values{"StackName": id})))

	if wire.Struct(r.content, "per-resource-events")["Stack"] != nil { // later recordings shorten the events, and have those of the deletion
		events = perResource(r.transitions(id), r.stack)
	}

	if r.content["per-resource-events"] != nil {
		r.is("per-resource-events", events)
	}

	return id
}

// byResource groups events, newest first, by logical ID.
func byResource(events []any) wire.Values {
	all := wire.Values{}
	for _, e := range events {
		name := wire.Text(e.(wire.Values), "LogicalResourceId")
		if name == "some-stack" {
			name = "<stack-name:1>"
		}
		list, _ := all[name].([]any)
		all[name] = append(list, e)
	}
	return all
}

// transitions returns the events of a stack, oldest first, and for each resource only those that change its status.
func (r *replay) transitions(id string) []wire.Values {
	var kept []wire.Values
	last := map[string]string{}
	for _, event := range r.do("DescribeStackEvents", wire.Values{"StackName": id})["StackEvents"].([]any) {
		e := event.(wire.Values)
		name := wire.Text(e, "LogicalResourceId")
		status := wire.Text(e, "ResourceStatus")
		if status != "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" && last[name] != status {
			last[name] = status
			kept = append(kept, e)
		}
	}

	slices.Reverse(kept)
	return kept
}

func perResource(events []wire.Values, stackName string) wire.Values {
	all := wire.Values{}
	for _, e := range events {
		name := wire.Text(e, "LogicalResourceId")
		if name == stackName {
			name = "Stack"
		}
		short := wire.Values{}
		for _, member := range []string{"LogicalResourceId", "PhysicalResourceId", "ResourceStatus", "ResourceType", "Timestamp"} {
			short[member] = e[member]
		}
		list, _ := all[name].([]any)
		all[name] = append(list, short)
	}

	return all
}

// shrink deploys a chain of resources, and then one without some of them.
func (r *replay) shrink(without ...string) {
	resource := func(value any, after ...string) wire.Values {
		body := wire.Values{"Type": "AWS::SSM::Parameter", "Properties": wire.Values{"Type": "String", "Value": value}}
		if len(after) > 0 {
			body["DependsOn"] = after
		}
		return body
	}

	all := wire.Values{"Dummy": resource("dummy"), "A": resource("root", "Dummy"), "B": resource(wire.Values{"Ref": "A"}), "C": resource(wire.Values{"Ref": "B"})}
	fewer := maps.Clone(all)
	for _, name := range without {
		delete(fewer, name)
	}

	one, _ := json.Marshal(wire.Values{"Resources": all}) // texts and maps
	two, _ := json.Marshal(wire.Values{"Resources": fewer})
	id := r.capture(string(one), string(two), func() {})

	list := []any{}
	for _, e := range r.transitions(id) {
		list = append(list, []any{e["LogicalResourceId"], e["ResourceStatus"]})
	}

	r.is("all-events", list)
}

// order deploys a chain of resources that is written in some order, and deletes it.
func (r *replay) order(names ...string) {
	values := map[string]string{"A": `"root"`, "B": `{"Ref": "A"}`, "C": `{"Ref": "B"}`}
	var resources []string
	for _, name := range names {
		resources = append(resources, `"`+name+`": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": `+values[name]+`}}`)
	}

	id := r.deploy(`{"Resources": {`+strings.Join(resources, ", ")+`}}`, nil)
	r.destroy(id)

	list := []any{}
	for _, event := range reversed(r.do("DescribeStackEvents", wire.Values{"StackName": id})["StackEvents"].([]any)) {
		e := event.(wire.Values)
		if slices.Contains(names, wire.Text(e, "LogicalResourceId")) && strings.HasSuffix(wire.Text(e, "ResourceStatus"), "_COMPLETE") {
			list = append(list, e)
		}
	}

	r.is("events", list)
}

func hiddenParameter(r *replay) {
	secret := func(value string) []any { return parametersOf(map[string]string{"SecretParameter": value}) }
	id := r.deploy(secretTemplate, map[string]string{"SecretParameter": "SecretValue"})
	r.is("describe_stacks", r.do("DescribeStacks", wire.Values{"StackName": id}))
	r.is("describe_stack_resource_details_LocalBucket", r.do("DescribeStackResource", wire.Values{"StackName": r.stack, "LogicalResourceId": "LocalBucket"}))
	step := func(name, template, value, changeSetKey, stackKey string) {
		in := wire.Values{"StackName": r.stack, "ChangeSetName": name}
		r.do("CreateChangeSet", wire.Values{"StackName": r.stack, "ChangeSetName": name, "TemplateBody": template, "Parameters": secret(value)})
		r.is(changeSetKey, r.made(in, "CREATE_COMPLETE"))
		r.is(stackKey, r.do("DescribeStacks", wire.Values{"StackName": id}))
	}

	step("first", secretTemplate, "NewSecretValue1", "describe_change_set_on_create_complete", "describe_stack_on_create_complete")
	r.do("UpdateStack", wire.Values{"StackName": r.stack, "TemplateBody": secretTemplate, "Parameters": secret("NewSecretValue1")})
	r.wait(r.stack, "UPDATE_COMPLETE")
	r.is("describe_updated_stacks", r.do("DescribeStacks", wire.Values{"StackName": id}))
	step("second", secretTemplate, "NewSecretValue2", "describe_updated_change_set", "describe_updated_stacks_change_set")
	shown := strings.Replace(secretTemplate, "SecretParameter: {Type: String, NoEcho: true}", "SecretParameter: {Type: String, NoEcho: false}", 1)
	step("third", shown, "NewSecretValue2", "describe_updated_change_set_no_echo_true", "describe_updated_stacks_no_echo_true")
	step("fourth", secretTemplate, "NewSecretValue2", "describe_updated_change_set_no_echo_false", "describe_updated_stacks_no_echo_false")
}
