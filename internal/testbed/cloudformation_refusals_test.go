package testbed

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	cloudformationtest "image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/wire"
)

// CloudFormation refuses these before it makes anything.
func TestChangeSetsThatAreRefused(t *testing.T) {
	t.Parallel()
	const parameters = `
Parameters:
  Name: {Type: String, Default: abc, AllowedPattern: '[a-c]+', MinLength: 2, MaxLength: 4}
  Size: {Type: Number, Default: 10, MinValue: 8, MaxValue: 16}
  Kind: {Type: String, Default: gp3, AllowedValues: [gp2, gp3]}
  Zone: {Type: String, Default: UTC, AllowedPattern: 'UTC', ConstraintDescription: must be a zone}
  Base: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /base}
Rules:
  Small: {Assertions: [{Assert: !Not [!Equals [!Ref Kind, gp2]], AssertDescription: gp2 is too slow}]}
Resources: {Topic: {Type: AWS::SNS::Topic}}
`

	role := "Resources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}}"
	for name, test := range map[string]struct {
		template, url string
		parameters    map[string]string
		keep          string
		code, says    string
	}{
		"pattern":           {template: parameters, parameters: map[string]string{"Name": "abd"}, says: "Parameter 'Name' must match pattern [a-c]+"},
		"too short":         {template: parameters, parameters: map[string]string{"Name": "a"}, says: "Parameter 'Name' must contain at least 2 characters"},
		"too long":          {template: parameters, parameters: map[string]string{"Name": "abcab"}, says: "at most 4 characters"},
		"no number":         {template: parameters, parameters: map[string]string{"Size": "ten"}, says: "Parameter 'Size' must be a number"},
		"too small":         {template: parameters, parameters: map[string]string{"Size": "7"}, says: "must be a number not less than 8"},
		"too large":         {template: parameters, parameters: map[string]string{"Size": "17"}, says: "must be a number not greater than 16"},
		"not allowed":       {template: parameters, parameters: map[string]string{"Kind": "io1"}, says: "Parameter 'Kind' must be one of AllowedValues"},
		"with words":        {template: parameters, parameters: map[string]string{"Zone": "CET"}, says: "Parameter Zone failed to satisfy constraint: must be a zone"},
		"rule":              {template: parameters, parameters: map[string]string{"Kind": "gp2"}, says: "gp2 is too slow"},
		"unknown":           {template: parameters, parameters: map[string]string{"Title": "abc"}, says: "Parameters: [Title] do not exist in the template"},
		"no previous":       {template: parameters, keep: "Name", says: "Cannot specify usePreviousValue as true for a parameter key not in the previous template"},
		"not in SSM":        {template: parameters, parameters: map[string]string{"Base": "/none"}, says: "Unable to fetch parameters [/none] from parameter store for this account."},
		"capability":        {template: role, code: "InsufficientCapabilitiesException", says: "Requires capabilities : [CAPABILITY_IAM]"},
		"named":             {template: strings.Replace(role, "Properties: {", "Properties: {RoleName: r, ", 1), code: "InsufficientCapabilitiesException", says: "[CAPABILITY_NAMED_IAM]"},
		"no such reference": {template: "Resources: {T: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub '${Nobody}-x'}}}", says: "Unresolved resource dependencies [Nobody] in the Resources block"},
		"no YAML":           {template: "Resources: {", says: "YAML not well-formed"},
		"body too large":    {template: topicTemplate + strings.Repeat("#", 51200), says: "Member must have length less than or equal to 51200"},
		"no S3":             {url: "https://example.com/t.yml", says: "TemplateURL must be a supported URL."},
		"no object":         {url: "https://s3.eu-central-1.amazonaws.com/templates/none.yml", says: "S3 error: The specified key does not exist."},
		"object too large":  {url: "https://templates.s3.eu-central-1.amazonaws.com/large.yml", says: "Template may not exceed"},
		"nothing":           {says: "Either Template URL or Template Body must be specified."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Start(t)
			if err := c.S3.Put("templates", "large.yml", []byte(topicTemplate+strings.Repeat("#", 1<<20))); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Do("ssm", "PutParameter", wire.Values{"Name": "/base", "Value": "ami-1", "Type": "String"}); err != nil {
				t.Fatal(err)
			}

			in := &cloudformation.CreateChangeSetInput{StackName: aws.String("s"), ChangeSetName: aws.String("cs"), ChangeSetType: types.ChangeSetTypeCreate}
			if test.template != "" {
				in.TemplateBody = &test.template
			}

			if test.url != "" {
				in.TemplateURL = &test.url
			}

			for name, value := range test.parameters {
				in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value})
			}

			if test.keep != "" {
				in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &test.keep, UsePreviousValue: aws.Bool(true)})
			}

			_, err := cloudformation.NewFromConfig(c.config("cloudformation")).CreateChangeSet(t.Context(), in)
			if want := map[bool]string{true: "ValidationError", false: test.code}[test.code == ""]; code(err) != want || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want %s: %s", err, want, test.says)
			}
			if _, made := c.CloudFormation.Stack("s"); made {
				t.Error("a refused change set has made a stack")
			}
		})
	}
}

// A stack accepts an update in few states, and blocks its name for a new stack in all of them.
func TestStatesThatTakeAnUpdate(t *testing.T) {
	t.Parallel()
	for status, takes := range map[string]bool{
		"CREATE_COMPLETE": true, "UPDATE_COMPLETE": true, "UPDATE_ROLLBACK_COMPLETE": true, "ROLLBACK_COMPLETE": false, "ROLLBACK_FAILED": false,
		"CREATE_FAILED": false, "DELETE_FAILED": false, "UPDATE_ROLLBACK_FAILED": false, "CREATE_IN_PROGRESS": false, "UPDATE_IN_PROGRESS": false,
		"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": false, "DELETE_IN_PROGRESS": false, "REVIEW_IN_PROGRESS": false,
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			c := Start(t)
			id, err := c.CloudFormation.Put(cloudformationtest.Stack{Name: "s", Status: status})
			if err != nil {
				t.Fatal(err)
			}

			client := cloudformation.NewFromConfig(c.config("cloudformation"))
			in := &cloudformation.CreateChangeSetInput{StackName: aws.String("s"), ChangeSetName: aws.String("cs"), ChangeSetType: types.ChangeSetTypeUpdate, TemplateBody: aws.String(minimalTemplate)}
			_, err = client.CreateChangeSet(t.Context(), in)
			if want := "Stack:" + id + " is in " + status + " state and can not be updated."; (err == nil) != takes || (err != nil && !strings.Contains(err.Error(), want)) {
				t.Errorf("error %v", err)
			}

			in.ChangeSetType = types.ChangeSetTypeCreate
			if _, err := client.CreateChangeSet(t.Context(), in); (err == nil) != (status == "REVIEW_IN_PROGRESS") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestStacksThatAreListed(t *testing.T) {
	t.Parallel()
	c := Start(t)
	for _, name := range []string{"one", "two", "three"} {
		if _, err := c.CloudFormation.Put(cloudformationtest.Stack{Name: name, Status: "CREATE_COMPLETE", Outputs: map[string]string{"Name": name}}); err != nil {
			t.Fatal(err)
		}
	}

	if err := c.CloudFormation.Turn("two", "DELETE_COMPLETE", ""); err != nil {
		t.Fatal(err)
	}
	c.CloudFormation.SetPageSize(1)
	client := cloudformation.NewFromConfig(c.config("cloudformation"))
	var names []string

	pages := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Stacks {
			names = append(names, *s.StackName+"="+*s.Outputs[0].OutputValue)
		}
	}

	if got := strings.Join(names, " "); got != "three=three one=one" {
		t.Errorf("stacks %s", got)
	}
	listed, err := client.ListStacks(t.Context(), &cloudformation.ListStacksInput{StackStatusFilter: []types.StackStatus{types.StackStatusDeleteComplete}})
	if err != nil || len(listed.StackSummaries) != 1 || *listed.StackSummaries[0].StackName != "two" {
		t.Errorf("deleted stacks %+v, %v", listed, err)
	}

	summary, err := client.GetTemplateSummary(t.Context(), &cloudformation.GetTemplateSummaryInput{StackName: aws.String("one")})
	if err != nil || *summary.Description != "a stack of another owner's" {
		t.Errorf("summary %+v, %v", summary, err)
	}
}
