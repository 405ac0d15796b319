package testbed

import (
	"strings"

	"image-builder/internal/testbed/wire"
)

// Templates like those of the recordings.
const (
	minimalTemplate = `
Resources:
    SimpleParam:
        Type: AWS::SSM::Parameter
        Properties:
            Value: test
            Type: String
`
	metadataTemplate = `
Resources:
  CDKMetadata:
    Type: AWS::CDK::Metadata
    Properties: {Analytics: v2}
`
	topicTemplate   = "Resources: {MyTopic: {Type: AWS::SNS::Topic}}\n"
	literalTemplate = "Resources: {topic123: {Type: AWS::SNS::Topic, Properties: {TopicName: sns-topic-simple}}}\n"
	simpleTemplate  = `
Metadata: {TopicName: sns-topic-simple}
Parameters:
  TopicName: {Type: String, Default: sns-topic-simple}
Resources:
  topic123:
    Type: AWS::SNS::Topic
    Properties: {TopicName: !Ref TopicName}
    UpdateReplacePolicy: Delete
    DeletionPolicy: Delete
Outputs:
  TopicArn: {Value: !GetAtt topic123.TopicArn}
`
	twoParameters = `{"Resources": {
		"MyParameter1": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "foo"}},
		"MyParameter2": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "my-parameter", "Type": "String", "Value": {"Fn::GetAtt": ["MyParameter1", "Value"]}}}}}`
	oneParameter = `{"Resources": {"MyParameter1": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "foo"}}}}`
)

// Each step repeats the test of that name.
var replayedChangeSets = map[string]func(*replay){
	"test_create_change_set_update_without_parameters": func(r *replay) {
		created := r.do("CreateChangeSet", wire.Values{"StackName": r.stack, "ChangeSetName": "one", "TemplateBody": literalTemplate, "ChangeSetType": "CREATE"})
		r.is("create_change_set", created)
		r.made(wire.Values{"ChangeSetName": created["Id"]}, "CREATE_COMPLETE")
		r.do("ExecuteChangeSet", wire.Values{"ChangeSetName": created["Id"]})
		r.wait(r.stack, "CREATE_COMPLETE")
		changed := strings.Replace(literalTemplate, "sns-topic-simple", "sns-topic-simple-2", 1)
		update := r.do("CreateChangeSet", wire.Values{"StackName": r.stack, "ChangeSetName": "two", "TemplateBody": changed, "ChangeSetType": "UPDATE"})
		r.is("describe_change_set", r.made(wire.Values{"ChangeSetName": update["Id"]}, "CREATE_COMPLETE"), "PolicyAction")
		r.is("list_change_set", r.do("ListChangeSets", wire.Values{"StackName": r.stack}))
	},
	"test_empty_changeset": func(r *replay) {
		in := wire.Values{"StackName": r.stack, "ChangeSetName": "one", "TemplateBody": metadataTemplate, "Capabilities": allCapabilities, "ChangeSetType": "CREATE"}
		created := r.do("CreateChangeSet", in)
		r.is("first_changeset", created)
		look := wire.Values{"StackName": r.stack, "ChangeSetName": created["Id"]}
		r.is("describe_first_cs", r.made(look, "CREATE_COMPLETE"))
		r.do("ExecuteChangeSet", look)
		r.wait(r.stack, "CREATE_COMPLETE")
		in["ChangeSetName"] = "two"
		in["ChangeSetType"] = "UPDATE"
		nothing := r.do("CreateChangeSet", in)

		r.is("nochange_changeset", nothing)
		look["ChangeSetName"] = nothing["Id"]
		r.is("describe_nochange", r.made(look, "FAILED"))
		_, text := r.fails("ExecuteChangeSet", look)
		r.is("error_execute_failed", text)
	},
	"test_deleted_changeset": func(r *replay) {
		created := r.do("CreateChangeSet", wire.Values{
			"StackName": r.stack, "ChangeSetName": "one", "TemplateBody": metadataTemplate, "Capabilities": allCapabilities, "ChangeSetType": "CREATE",
		})
		r.is("create", created)
		look := wire.Values{"StackName": r.stack, "ChangeSetName": created["Id"]}
		r.made(look, "CREATE_COMPLETE")
		r.do("DeleteChangeSet", look)
		_, text := r.fails("DescribeChangeSet", look)
		r.is("postdelete_changeset_notfound", text)
	},
	"test_describe_change_set_nonexisting": func(r *replay) {
		_, text := r.fails("DescribeChangeSet", wire.Values{"StackName": "somestack", "ChangeSetName": "DoesNotExist"})
		r.is("exception", text)
	},
	"test_delete_change_set_exception": func(r *replay) {
		answer, _ := r.fails("DeleteChangeSet", wire.Values{"StackName": "nostack", "ChangeSetName": "DoesNotExist"})
		r.is("e1", answer)
		answer, _ = r.fails("DeleteChangeSet", wire.Values{"ChangeSetName": "DoesNotExist"})
		r.is("e2", answer)
	},
	"test_name_conflicts": func(r *replay) {
		in := wire.Values{"StackName": r.stack, "ChangeSetName": "initial", "ChangeSetType": "CREATE", "TemplateBody": minimalTemplate}
		one := r.do("CreateChangeSet", in)
		r.made(wire.Values{"ChangeSetName": one["Id"]}, "CREATE_COMPLETE")
		r.do("ExecuteChangeSet", wire.Values{"StackName": r.stack, "ChangeSetName": "initial"})
		r.wait(r.stack, "CREATE_COMPLETE")
		answer, _ := r.fails("CreateChangeSet", in)
		r.is("create_changeset_existingstack_exc", answer)
		r.destroy(one["StackId"].(string))
		two := r.do("CreateChangeSet", in)
		r.made(wire.Values{"ChangeSetName": two["Id"]}, "CREATE_COMPLETE")

		r.is("new_stack_desc", r.do("DescribeStacks", wire.Values{"StackName": r.stack}))
		r.is("stack_id_desc", r.do("DescribeStacks", wire.Values{"StackName": one["StackId"]}))
		r.is("new_stack_id_desc", r.do("DescribeStacks", wire.Values{"StackName": two["StackId"]}))
		r.is("initial_changeset_id_desc", r.do("DescribeChangeSet", wire.Values{"ChangeSetName": one["Id"]}))
		r.is("second_initial_changeset_id_desc", r.do("DescribeChangeSet", wire.Values{"ChangeSetName": two["Id"]}))
	},
	"test_create_while_in_review": func(r *replay) {
		cs := r.do("CreateChangeSet", wire.Values{"StackName": r.stack, "ChangeSetName": "one", "ChangeSetType": "CREATE", "TemplateBody": minimalTemplate})
		r.made(wire.Values{"ChangeSetName": cs["Id"]}, "CREATE_COMPLETE")
		r.is("create_stack_while_in_review", r.do("CreateStack", wire.Values{"StackName": r.stack, "TemplateBody": minimalTemplate}))
		r.wait(r.stack, "CREATE_COMPLETE")
		r.is("describe_stack", r.do("DescribeStacks", wire.Values{"StackName": cs["StackId"]}))
		r.is("describe_change_set", r.do("DescribeChangeSet", wire.Values{"ChangeSetName": cs["Id"]}))
	},
	"test_create_changeset_with_stack_id": func(r *replay) {
		in := wire.Values{"StackName": r.stack, "ChangeSetName": "initial", "ChangeSetType": "CREATE", "TemplateBody": minimalTemplate}
		one := r.do("CreateChangeSet", in)
		r.made(wire.Values{"ChangeSetName": one["Id"]}, "CREATE_COMPLETE")
		in["StackName"] = one["StackId"]
		in["ChangeSetName"] = "additional"
		r.made(wire.Values{"ChangeSetName": r.do("CreateChangeSet", in)["Id"]}, "CREATE_COMPLETE")
		r.is("describe_stack", r.do("DescribeStacks", wire.Values{"StackName": one["StackId"]}))
		r.destroy(one["StackId"].(string))
		in["ChangeSetName"] = "revived-stack-changeset"
		answer, _ := r.fails("CreateChangeSet", in)

		r.is("recreate_deleted_with_id_exception", answer)
	},
	"test_multiple_create_changeset": func(r *replay) {
		in := wire.Values{"StackName": r.stack, "ChangeSetName": "initial", "ChangeSetType": "CREATE", "TemplateBody": minimalTemplate}
		one := r.do("CreateChangeSet", in)
		r.is("initial_changeset", r.made(wire.Values{"ChangeSetName": one["Id"]}, "CREATE_COMPLETE"))
		in["ChangeSetName"] = "additional"
		two := r.do("CreateChangeSet", in)
		r.is("additional_changeset", two)
		r.made(wire.Values{"ChangeSetName": two["Id"]}, "CREATE_COMPLETE")
	},
	"test_deleting_resource": func(r *replay) {
		r.deploy(twoParameters, nil)
		r.of("ssm", "GetParameter", wire.Values{"Name": "my-parameter"})
		r.redeploy(oneParameter, nil)
		answer, _, err := r.client.call(r.cloud, "ssm", "GetParameter", wire.Values{"Name": "my-parameter"})
		if err != nil {
			panic(broken{err.Error()})
		}
		r.is("get-parameter-error", answer, "Message", "message")
	},
	"test_create_change_set_no_changes": func(r *replay) {
		id := r.deploy(topicTemplate, nil)
		cs := r.do("CreateChangeSet", wire.Values{"StackName": id, "ChangeSetName": "one", "ChangeSetType": "UPDATE", "TemplateBody": topicTemplate})
		r.is("change-set-description", r.made(wire.Values{"ChangeSetName": cs["Id"]}, "FAILED"))
	},
	"test_describe_changeset_after_delete": describeAfterDelete,
	"test_using_pseudoparameters_in_places[parameter]": func(r *replay) {
		r.refuses(`{"Parameters": {"AWS::NoValue": {"Type": "String", "Default": "foo"}}, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}`, "error")
	},
	"test_using_pseudoparameters_in_places[resource]": func(r *replay) {
		r.refuses(`{"Resources": {"AWS::NoValue": {"Type": "AWS::SNS::Topic"}}}`, "error")
	},
	"test_create_changeset_for_deleted_stack": func(r *replay) {
		id := r.deploy(minimalTemplate, nil)
		r.destroy(id)
		for kind, key := range map[string]string{"CREATE": "ErrorForCreate", "UPDATE": "ErrorForUpdate"} {
			answer, _ := r.fails("CreateChangeSet", wire.Values{"StackName": id, "ChangeSetName": "test", "ChangeSetType": kind, "TemplateBody": minimalTemplate})
			r.is(key, answer)
		}
	},
	"test_changeset_for_deleted_stack": func(r *replay) {
		id := r.deploy(minimalTemplate, nil)
		r.do("DeleteStack", wire.Values{"StackName": id})
		in := wire.Values{"StackName": id, "ChangeSetName": "test", "ChangeSetType": "UPDATE", "TemplateBody": minimalTemplate}
		answer, _ := r.fails("CreateChangeSet", in)
		r.is("ErrorForInProgress", answer)
		r.wait(id, "DELETE_COMPLETE")
		answer, _ = r.fails("CreateChangeSet", in)
		r.is("ErrorForComplete", answer)
	},
}

func describeAfterDelete(r *replay) {
	one := wire.Values{"StackName": r.stack, "ChangeSetName": "cs-one"}
	two := wire.Values{"StackName": r.stack, "ChangeSetName": "cs-two"}
	template := simpleTemplate[:strings.Index(simpleTemplate, "Outputs:")]
	r.do("CreateChangeSet", wire.Values{
		"StackName": r.stack, "ChangeSetName": "cs-one", "ChangeSetType": "CREATE", "TemplateBody": template, "Parameters": parametersOf(map[string]string{"TopicName": "topic-one"}),
	})

	r.made(one, "CREATE_COMPLETE")
	r.do("ExecuteChangeSet", one)
	r.wait(r.stack, "CREATE_COMPLETE")
	r.do("DeleteChangeSet", one)
	answer, _ := r.fails("DescribeChangeSet", one)
	r.is("describe-deleted-cs", answer)
	r.do("CreateChangeSet", wire.Values{
		"StackName": r.stack, "ChangeSetName": "cs-two", "ChangeSetType": "UPDATE", "TemplateBody": template, "Parameters": parametersOf(map[string]string{"TopicName": "topic-two"}),
	})

	r.is("describe-2", r.made(two, "CREATE_COMPLETE"))
}

// refuses makes a change set of a template that CloudFormation refuses.
func (r *replay) refuses(template, key string) {
	answer, _ := r.fails("CreateChangeSet", wire.Values{
		"StackName": r.stack, "ChangeSetName": "one", "ChangeSetType": "CREATE", "TemplateBody": template, "Capabilities": allCapabilities,
	})
	r.is(key, answer)
}
