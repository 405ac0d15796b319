package stacktest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"image-builder/internal/testbed/cloudformation/intrinsic"
	"image-builder/internal/testbed/venv"
)

// cfnLint runs cfn-lint on files, as for regions, and returns the errors and warnings of each.
func cfnLint(t *testing.T, regions []string, paths ...string) map[string][]finding {
	t.Helper()
	args := slices.Concat([]string{"--format", "json", "--regions"}, regions, []string{"-t"}, paths)
	out, err := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(venv.Python(t)), "cfn-lint"), args...).Output()

	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || len(out) == 0) {
		t.Fatal(err)
	}
	var findings []struct {
		Filename, Level, Message string
		Rule                     struct{ ID string }
		Location                 struct {
			Start struct{ LineNumber int }
			Path  []any // like Resources, its logical ID, Properties
		}
	}
	if err := json.Unmarshal(out, &findings); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	found := map[string][]finding{}
	for _, f := range findings {
		said := finding{rule: f.Rule.ID, text: fmt.Sprintf("%s line %d: %s", f.Rule.ID, f.Location.Start.LineNumber, f.Message)}
		if len(f.Location.Path) > 1 {
			said.element = fmt.Sprint(f.Location.Path[1])
		}
		found[f.Filename] = append(found[f.Filename], said)
	}

	return found
}

func TestCfnLintFindsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "aws-stack.yml")
	if err := os.WriteFile(path, rendered(t), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, f := range cfnLint(t, []string{"us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"}, path)[path] {
		t.Error(f.text)
	}
}

// The checks that are ours; cfn-lint is named by the rule that must fire.
const (
	byContract    = "contract"
	byPermissions = "permissions"
	byMachines    = "machines"
	byDeployment  = "deployment"
	byOurLint     = "our lint"
)

// wrong are templates with one fault each: text that is replaced, by what, and who must notice: a check of ours, or
// cfn-lint by the rule named; and AWS's cloudformation-validate by the rule named, "" if such faults are not its business.
// The faults that Buildkite's stack for Image Builder has had are among them.
var wrong = []struct{ name, old, new, by, aws string }{
	{"unknown property", "      InstanceTypes: !If", "      InstanceKinds: !If", "E3002", "F3002"},
	{"a workflow by another member", "- - {WorkflowArn: ", "- - {Arn: ", "E3002", "F3002"},
	{"a wide right where the managed policy is not", "Resource: !Sub 'arn:${AWS::Partition}:ec2:*:*:instance/*'\n                  Condition: {StringEquals: {'aws:ResourceTag", "Resource: '*'\n                  Condition: {StringEquals: {'aws:ResourceTag", byPermissions, ""},
	{"an alarm on a metric of no name", "      MetricName: Approx", "      MetricNames: Approx", "E3002", "F3002"},
	{"a machine that is not made", "Resource: [!Ref Watch, !If [HasAlarm, !Ref Overdue, !Ref AWS::NoValue]]", "Resource: [!Ref Watch, !Ref Overdue]", byDeployment, ""},
	{"a text for the list of instance types", "HasInstanceTypes, !Ref InstanceTypes, [!Ref InstanceType]]", "HasInstanceTypes, !Ref InstanceTypes, !Ref InstanceType]", "E1020", ""},
	{"unknown nested property", "HttpTokens: required", "HttpToken: required", "E3002", "F3002"},
	{"missing property", "      InstanceProfileName: !Ref InstanceProfile\n", "", "E3003", "F3003"},
	{"wrong value", "PipelineExecutionStartCondition: !If [OnlyNewBase, EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE, EXPRESSION_MATCH_ONLY]", "PipelineExecutionStartCondition: ALWAYS", "E3030", "W3030"},
	{"wrong attribute", "ExecutionRole: !GetAtt ExecutionRole.Arn", "ExecutionRole: !GetAtt ExecutionRole.Name", "E1010", "E9004"},
	{"wrong reference", "ImageRecipeArn: !Ref Recipe\n", "ImageRecipeArn: !Ref ImageRecipe\n", "E1020", "F1020"},
	{"unknown type of state", "Type: Wait", "Type: Pause", "E3601", "E3601"},
	{"a number that may become a text", "Seconds: '{% 10 %}'", "Seconds: 10", byMachines, ""},
	{"state machine begins nowhere", "StartAt: WhatHappened", "StartAt: WhatHappend", "E3601", "E3601"},
	{"unknown action", "Action: imagebuilder:GetImage", "Action: imagebuilder:ReadImage", "W3037", ""},
	{"wrong effect", "          - Effect: Allow\n            Action: iam:PassRole", "          - Effect: Permit\n            Action: iam:PassRole", "E3510", "E3510"},
	{"one partition", "[!Sub 'arn:${AWS::Partition}:iam::aws:policy/EC2ImageBuilderExecutionPolicy'", "['arn:aws:iam::aws:policy/EC2ImageBuilderExecutionPolicy'", byContract, ""},
	{"security group of a VPC that is not made", "VpcId: !If [MakeVpc, !Ref BuildVpc, !GetAtt SubnetProbe.VpcId]", "VpcId: !Ref BuildVpc", "W1001", "W1001"},
	{"the same, in a deployment", "VpcId: !If [MakeVpc, !Ref BuildVpc, !GetAtt SubnetProbe.VpcId]", "VpcId: !Ref BuildVpc", byDeployment, ""},
	{"component that is not made", "          - ComponentArn: !Ref DocumentComponent\n          - !Ref AWS::NoValue", "          - ComponentArn: !Ref DocumentComponent\n          - ComponentArn: !Ref DocumentComponent", byDeployment, ""},
	{"base read at updates only", "  BaseAmiParameter:\n    Type: String", "  BaseAmiParameter:\n    Type: AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", byContract, ""},
	{"schedule of five fields", "Default: cron(0 0 * * ? *)", "Default: cron(0 0 * * *)", byContract, "F2015"},
	{"the same, in a deployment", "Default: cron(0 0 * * ? *)", "Default: cron(0 0 * * *)", byDeployment, ""},
	{"output under another name", "Outputs:\n  OutputTopic:", "Outputs:\n  NewImages:", byContract, ""},
	{"instance type without default", "    Default: t3.large\n", "", byContract, ""},
	{"a function to keep", "  OutputTopic:\n    Type: AWS::SNS::Topic", "  OutputTopic:\n    Type: AWS::Lambda::Function", byContract, "F3003"},
	{"a transform", "Description: >-\n  image-builder", "Transform: AWS::LanguageExtensions\nDescription: >-\n  image-builder", byContract, ""},
	{"every action", "Action: states:StartExecution\n                Resource: [!Ref Watch", "Action: states:*\n                Resource: [!Ref Watch", byPermissions, ""},
	{"every secret", "Resource: !Ref SecretsKeyArn", "Resource: '*'", byPermissions, ""},
	{"every parameter", "Action: [ssm:GetParameter, ssm:PutParameter]\n            Resource: ", "Action: [ssm:GetParameter, ssm:PutParameter]\n            Resource: '*'\n            NotResource: ", byPermissions, ""},
	{"every repository", "Resource: !Sub 'arn:${AWS::Partition}:ecr:*:${AWS::AccountId}:repository/*'", "Resource: '*'", byPermissions, ""},
	{"instances that read every parameter", "iam::aws:policy/EC2InstanceProfileForImageBuilder,${Own}", "iam::aws:policy/AmazonSSMManagedInstanceCore,${Own}", byPermissions, ""},
	{"a state that nothing leads to", "            Default: ReadImage\n", "            Default: TellFailure\n", byMachines, ""},
	{"a failure that is not reported", "Catch:\n              - ErrorEquals: [States.ALL]\n                Assign: {reason: '{% \"The message", "Comment:\n              - ErrorEquals: [States.ALL]\n                Assign: {reason: '{% \"The message", byMachines, ""},
	{"executions whose names come again", "StateMachineType: STANDARD", "StateMachineType: EXPRESS", byMachines, ""},
	{"version of a component with x", "Version: 1.0.", "Version: 1.x.", byOurLint, ""},
	{"a step that does not exist", "        action: S3Download", "        action: S3Copy", byOurLint, ""},
	{"unknown type of resource", "Type: AWS::SNS::Topic\n", "Type: AWS::SNS::Topics\n", "E3006", "F3006"},
	{"a text for a list", "SecurityGroupIds: [!Ref SecurityGroup]", "SecurityGroupIds: !Ref SecurityGroup", "E1020", "F3012"},
	{"a network that is none", "CidrBlock: 10.0.0.0/24", "CidrBlock: 10.0.0.0/99", "E3002", ""},
	{"a name with spaces", "Name: !Ref AWS::StackName\n      # The", "Name: nightly ami!\n      # The", "E3031", "F3031"},
	{"two resources that wait for each other", "    DependsOn: WatchPolicy\n", "    DependsOn: [WatchPolicy, ImageRule]\n", "E3004", "F3004"},
}

// edited makes a wrong template of the right one: the first occurrence is replaced, or every one of a line of documents.
func edited(t *testing.T, text, from, to string) []byte {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("the template has no %q to replace", from)
	}
	return []byte(strings.Replace(text, from, to, 1))
}

// cfnLintsRule is the name of a rule of cfn-lint's.
var cfnLintsRule = regexp.MustCompile(`^[EW][0-9]{4}$`)

func TestWrongTemplatesAreNoticed(t *testing.T) {
	t.Parallel()
	right := string(rendered(t))

	for _, test := range wrong {
		if cfnLintsRule.MatchString(test.by) {
			continue
		}
		if faults := ownFaults(t, test.by, edited(t, right, test.old, test.new)); len(faults) == 0 {
			t.Errorf("%s: %s notices nothing", test.name, test.by)
		}
	}
}

func TestCfnLintNoticesWrongTemplates(t *testing.T) {
	t.Parallel()
	files := fused(t, func(by, _ string) string { return cfnLintsRule.FindString(by) })
	found := cfnLint(t, []string{"us-east-1"}, pathsOf(files)...)
	for _, missed := range unnoticed(files, found) {
		t.Errorf("%s; cfn-lint finds %v", missed, found)
	}
}

func ownFaults(t *testing.T, by string, text []byte) []string {
	t.Helper()
	switch by {
	case byContract:
		return contractFaults(parse(t, text))
	case byPermissions:
		return permissionFaults(parse(t, text))
	case byMachines:
		return machines(parse(t, text))
	case byOurLint:
		return lintFaults(t, text)
	}

	var faults []string
	for _, given := range []map[string]string{least(), everything()} {
		if _, err := intrinsic.Deploy(parse(t, text), given); err != nil {
			faults = append(faults, err.Error())
		}
	}

	return faults
}
