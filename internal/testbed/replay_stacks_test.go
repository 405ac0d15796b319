package testbed

import (
	"strings"

	"image-builder/internal/testbed/wire"
)

const (
	apiTemplate = `
Parameters: {ApiName: {Type: String}}
Resources:
  Api: {Type: 'AWS::ApiGateway::RestApi', Properties: {Name: {Ref: ApiName}}}
`
	policyTemplate = `
Parameters: {Name: {Type: String}}
Resources:
  BrokenPolicy:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: !Ref Name
      PolicyDocument: {Version: '2012-10-17', Statement: [{Action: '*', Resource: '*', Effect: Allow}]}
`
	describedTemplate = `{"Description": "test <env>.test.net", "Resources": {"TestResource": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "DummyValue"}}}}`
	subnetsTemplate   = `
Parameters: {ParamsList: {Type: 'List<AWS::EC2::Subnet::Id>'}}
Resources: {Topic: {Type: AWS::SNS::Topic}}
Outputs: {ParamValue: {Value: !Join ['|', !Ref ParamsList]}}
`
)

var replayedStacks = map[string]func(*replay){
	"test_stack_lifecycle": func(r *replay) {
		id := r.deploy(apiTemplate, map[string]string{"ApiName": "test_1"})
		r.is("creation", only(r.do("DescribeStacks", wire.Values{"StackName": r.stack})))
		r.redeploy(apiTemplate, map[string]string{"ApiName": "test_2"})
		r.is("update", only(r.do("DescribeStacks", wire.Values{"StackName": r.stack})))
		r.destroy(id)
		answer, _ := r.fails("DescribeStacks", wire.Values{"StackName": r.stack})
		r.is("describe_deleted_by_name_exc", answer)
		r.is("deleted", only(r.do("DescribeStacks", wire.Values{"StackName": id})))
	},
	"test_stack_description_special_chars": func(r *replay) {
		id := r.deploy(describedTemplate, nil)
		r.is("describe_stack", only(r.do("DescribeStacks", wire.Values{"StackName": id})))
	},
	"test_stack_description_lifecycle[no-tags]":   func(r *replay) { r.lifecycle(nil) },
	"test_stack_description_lifecycle[with-tags]": func(r *replay) { r.lifecycle([]any{wire.Values{"Key": "foo", "Value": "bar"}}) },
	"test_stack_name_creation": func(r *replay) {
		r.stack = "*@12345678_$"
		answer, _ := r.fails("CreateChangeSet", wire.Values{"StackName": r.stack, "ChangeSetName": "one", "TemplateBody": topicTemplate, "ChangeSetType": "CREATE"})
		for _, of := range []any{answer, r.content["stack_response"]} { // today's pattern is different
			shown := wire.Struct(of.(wire.Values), "Error")
			shown["Message"], _, _ = strings.Cut(wire.Text(shown, "Message"), "pattern: ")
		}
		r.is("stack_response", answer)
		r.cloud.Violations()
	},
	"test_create_stack_url_as_template": func(r *replay) {
		_, text := r.fails("CreateStack", wire.Values{"StackName": r.stack, "TemplateBody": "https://example.com/template.yaml"})
		r.is("stack_create_ec2", text)
	},
	"test_linting_error_during_creation": func(r *replay) {
		answer, _ := r.fails("CreateStack", wire.Values{"StackName": r.stack, "TemplateBody": `{"Resources": "", "Outputs": ""}`})
		r.is("error", answer)
	},
	"test_update_stack_with_same_template_withoutchange": func(r *replay) {
		r.deploy(topicTemplate, nil)
		answer, _ := r.fails("UpdateStack", wire.Values{"StackName": r.stack, "TemplateBody": topicTemplate})
		r.is("no_change_exception", answer)
	},
	"test_list_events_after_deployment": func(r *replay) {
		r.deploy(strings.Replace(simpleTemplate, "Outputs:", "X:", 1)[:strings.Index(simpleTemplate, "Outputs:")], nil)
		answer := r.do("DescribeStackEvents", wire.Values{"StackName": r.stack})
		answer["StackEvents"] = reversed(answer["StackEvents"].([]any))
		r.is("events", answer)
	},
	"test_update_termination_protection": func(r *replay) {
		r.deploy(apiTemplate, map[string]string{"ApiName": "test_1"})
		for key, protects := range map[string]bool{"describe-stack-1": true, "describe-stack-2": false} {
			r.do("UpdateTerminationProtection", wire.Values{"StackName": r.stack, "EnableTerminationProtection": protects})
			r.is(key, r.do("DescribeStacks", wire.Values{"StackName": r.stack}))
		}
	},
	"test_subnet_id_parameter_type": func(r *replay) {
		id := r.deploy(subnetsTemplate, map[string]string{"ParamsList": "subnet-id-1,subnet-id-2"})
		outputs := wire.Values{}
		for _, output := range only(r.do("DescribeStacks", wire.Values{"StackName": id}))["Outputs"].([]any) {
			outputs[wire.Text(output.(wire.Values), "OutputKey")] = output.(wire.Values)["OutputValue"]
		}
		r.is("outputs", outputs)
	},
	"test_stack_resource_not_found": func(r *replay) {
		r.deploy(topicTemplate, nil)
		answer, _ := r.fails("DescribeStackResource", wire.Values{"StackName": r.stack, "LogicalResourceId": "NonExistentResource"})
		r.is("Error", answer)
	},
	"test_non_existing_stack_message": func(r *replay) {
		answer, _ := r.fails("DescribeStacks", wire.Values{"StackName": "non-existing"})
		r.is("Error", answer)
	},
	"test_describe_stack_events_errors": func(r *replay) {
		answer, _ := r.fails("DescribeStackEvents", wire.Values{"StackName": "does-not-exist"})
		r.is("describe_stack_events_stack_not_found", answer)
	},
	"test_no_parameters_given": func(r *replay) {
		_, text := r.fails("CreateChangeSet", wire.Values{
			"StackName": r.stack, "ChangeSetName": "one", "ChangeSetType": "CREATE",
			"TemplateBody": `{"Parameters": {"Input": {"Type": "String"}}, "Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Input"}}}}}`,
		})
		r.is("deploy-error", text)
	},
	"test_name_conflicts":         stackNameConflicts,
	"test_blocked_stack_deletion": blockedDeletion,
	"test_stack_update_resources": func(r *replay) {
		id := r.deploy(apiTemplate, map[string]string{"ApiName": "test_1"})
		r.is("stack_created", only(r.do("DescribeStacks", wire.Values{"StackName": id})))
		r.do("CreateChangeSet", wire.Values{
			"StackName": r.stack, "ChangeSetName": "two", "TemplateBody": apiTemplate + "  Bucket: {Type: 'AWS::S3::Bucket'}\n", "Parameters": parametersOf(map[string]string{"ApiName": "test_2"}),
		})

		look := wire.Values{"StackName": r.stack, "ChangeSetName": "two"}
		r.made(look, "CREATE_COMPLETE")
		r.do("ExecuteChangeSet", look)
		r.wait(id, "UPDATE_COMPLETE")
		r.is("stack_updated", only(r.do("DescribeStacks", wire.Values{"StackName": id})))
		r.is("stack_resources", r.do("DescribeStackResources", wire.Values{"StackName": r.stack}))
	},
	"test_updating_an_updated_stack_sets_status": func(r *replay) {
		names := map[string]string{"Topic1Name": "topic-1", "Topic2Name": "topic-2", "Topic3Name": "topic-3"}
		template := "Parameters: {Topic1Name: {Type: String}, Topic2Name: {Type: String}, Topic3Name: {Type: String}}\nResources:\n"
		for _, n := range []string{"1", "2", "3"} {
			template += "  Topic" + n + ": {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Topic" + n + "Name}}\n"
			if n == "1" {
				r.deploy(template, names)
				continue
			}
			r.redeploy(template, names)
		}

		r.is("describe-result", r.do("DescribeStacks", wire.Values{"StackName": r.stack}))
	},
}

func reversed(items []any) []any {
	var all []any
	for i := len(items) - 1; i >= 0; i-- {
		all = append(all, items[i])
	}
	return all
}

// lifecycle records when a stack has its tags and description.
func (r *replay) lifecycle(tags []any) {
	in := wire.Values{"StackName": r.stack, "ChangeSetName": "one", "ChangeSetType": "CREATE", "TemplateBody": describedTemplate}
	if tags != nil {
		in["Tags"] = tags
	}
	cs := r.do("CreateChangeSet", in)
	r.is("change-set-pre-execute", r.made(wire.Values{"ChangeSetName": cs["Id"]}, "CREATE_COMPLETE"))
	r.is("stack-pre-execute", only(r.do("DescribeStacks", wire.Values{"StackName": cs["StackId"]})))
	r.do("ExecuteChangeSet", wire.Values{"ChangeSetName": cs["Id"]})
	r.is("stack-post-execute", r.wait(cs["StackId"].(string), "CREATE_COMPLETE"))
}

func stackNameConflicts(r *replay) {
	in := wire.Values{"StackName": r.stack, "TemplateBody": minimalTemplate}
	one := r.do("CreateStack", in)["StackId"].(string)
	r.wait(r.stack, "CREATE_COMPLETE")
	answer, _ := r.fails("CreateStack", in)
	r.is("create_stack_already_exists_exc", answer)
	r.is("created_stack_desc", only(r.do("DescribeStacks", wire.Values{"StackName": r.stack}))["StackStatus"])
	r.destroy(one)
	answer, _ = r.fails("DescribeStacks", wire.Values{"StackName": r.stack})
	r.is("deleted_stack_not_found_exc", answer)
	answer, _ = r.fails("DescribeStackEvents", wire.Values{"StackName": r.stack})

	r.is("deleted_stack_events_not_found_by_name", answer)
	r.is("deleted_stack_desc", r.do("DescribeStacks", wire.Values{"StackName": one}))
	two := r.do("CreateStack", in)["StackId"].(string)
	r.wait(r.stack, "CREATE_COMPLETE")
	r.is("new_stack_desc", r.do("DescribeStacks", wire.Values{"StackName": r.stack}))
	r.is("stack_id_desc", r.do("DescribeStacks", wire.Values{"StackName": one}))
	r.is("new_stack_id_desc", r.do("DescribeStacks", wire.Values{"StackName": two}))
	r.destroy(two)
	r.is("deleted_second_stack_desc", r.do("DescribeStacks", wire.Values{"StackName": two}))
}

// blockedDeletion has a resource that can neither be made nor deleted.
func blockedDeletion(r *replay) {
	r.cloud.CloudFormation.FailResource("BrokenPolicy", "At least one of [Groups,Roles,Users] must be non-empty.", 1)
	r.cloud.CloudFormation.FailDeletion("BrokenPolicy", "At least one of [Groups,Roles,Users] must be non-empty.", 2)
	id := r.do("CreateStack", wire.Values{
		"StackName": r.stack, "TemplateBody": policyTemplate, "Parameters": parametersOf(map[string]string{"Name": "policy"}), "Capabilities": []any{"CAPABILITY_NAMED_IAM"},
	})["StackId"].(string)

	r.wait(id, "ROLLBACK_FAILED")
	r.is("stack_post_create", r.do("DescribeStacks", wire.Values{"StackName": id}))
	r.do("DeleteStack", wire.Values{"StackName": id})
	r.wait(id, "DELETE_FAILED")
	r.is("stack_post_fail_delete", r.do("DescribeStacks", wire.Values{"StackName": id}))
	r.do("DeleteStack", wire.Values{"StackName": id, "RetainResources": []any{"BrokenPolicy"}})
	r.wait(id, "DELETE_COMPLETE")
	r.is("stack_post_success_delete", r.do("DescribeStacks", wire.Values{"StackName": id}))
	r.is("stack_events", r.do("DescribeStackEvents", wire.Values{"StackName": id}))
}
