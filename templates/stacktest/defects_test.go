package stacktest_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/cloudformation/intrinsic"
)

// defects are what users of other stacks for Image Builder have suffered from. Each is impossible here as long as a place
// in the template, or in the stack that is made of it, has a value; the edit brings the defect back, and must be noticed.
// Others have a test of their own: TestMessages, TestWrongTemplatesAreNoticed, TestRefusedAtOnce, TestRolesReachExactlyThis,
// and the tests of the documents.
var defects = []struct {
	name, old, new string
	given          map[string]string
	place          string
	want           any
}{
	{"a recipe that changes is there already", "      Version: 1.0.x\n", "      Version: 1.0.0\n", least(), "Recipe/Version", "1.0.x"},
	{"a newer base AMI is not seen before the stack is updated", "'ssm:${BaseAmiParameter}'", "'${BaseAmiParameter}'", least(), "Recipe/ParentImage", "ssm:base-ami"},
	{"a build waits for a new version of a component", "AVAILABLE, EXPRESSION_MATCH_ONLY]", "AVAILABLE, EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE]", least(), "Pipeline/Schedule/PipelineExecutionStartCondition", "EXPRESSION_MATCH_ONLY"},
	{"a base that has not changed is built again, though that was not wanted", "OnlyNewBase, EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE", "OnlyNewBase, EXPRESSION_MATCH_ONLY", everything(), "Pipeline/Schedule/PipelineExecutionStartCondition", "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"},
	{"the output's data type is left to the service", "              DataType: !Ref OutputAmiDataType\n", "", least(), distributed + "DataType", "text"},
	{"the output cannot be what launch templates resolve", "DataType: !Ref OutputAmiDataType", "DataType: text", everything(), distributed + "DataType", "aws:ec2:image"},
	{"parameters can only be below /imagebuilder/", "      ExecutionRole: !GetAtt ExecutionRole.Arn\n      Workflows", "      Workflows", least(), "Pipeline/ExecutionRole", "arn:aws:any:eu-central-1:123456789012:ExecutionRole"},
	{"the execution policy is looked for where it is not", "policy/EC2ImageBuilderExecutionPolicy", "policy/service-role/EC2ImageBuilderExecutionPolicy", least(), "ExecutionRole/ManagedPolicyArns/0", "arn:aws:iam::aws:policy/EC2ImageBuilderExecutionPolicy"},
	{"anybody's Image Builder may use the execution role", trusted, strings.Replace(trusted, "Condition", "Comment", 1), least(), "ExecutionRole/AssumeRolePolicyDocument/Statement/0/Condition/StringEquals/aws:SourceAccount", "123456789012"},
	{"the first build comes before its permissions", "    DependsOn: ExecutionPolicy\n", "", least(), "Resources/Pipeline/DependsOn", "ExecutionPolicy"},
	{"baked Docker images are invisible to default agents", "    Default: buildkite-agent\n", "    Default: ''\n", least(), "Parameters/DockerUsernsRemap/Default", "buildkite-agent"},
	{"ten gibibytes must do", "              VolumeSize: !If [HasRootSize, !Ref RootVolumeSize, !Ref AWS::NoValue]\n", "", everything(), "Recipe/BlockDeviceMappings/0/Ebs/VolumeSize", "40"},
	{"a size is given and no device", "RuleCondition: !Not [!And [!Equals [!Ref RootVolumeSize, '0']", "RuleCondition: !Not [!And [!Equals ['0', '0']", with("RootVolumeSize", "40"), "refused", true},
	{"a volume is left behind by each instance", "              DeleteOnTermination: true\n", "              DeleteOnTermination: false\n", everything(), "Recipe/BlockDeviceMappings/0/Ebs/DeleteOnTermination", true},
	{"an output that is the base bakes upon itself", "Assert: !Not [!Equals [!Ref BaseAmiParameter, !Ref OutputAmiParameter]]", "Assert: !Not [!Equals [!Ref BaseAmiParameter, '']]", with("OutputAmiParameter", "base-ami"), "refused", true},
	{"a schedule has five fields", "Default: cron(0 0 * * ? *)", "Default: cron(0 0 * * *)", least(), "Parameters/ScheduleExpression/Default", "cron(0 0 * * ? *)"},
	{"a subnet of one's own cannot be given", "VpcId: !If [MakeVpc, !Ref BuildVpc, !GetAtt SubnetProbe.VpcId]", "VpcId: !Ref BuildVpc", everything(), "SecurityGroup/VpcId", "SubnetProbe.VpcId"},
	{"instances have no way out", "      MapPublicIpOnLaunch: true\n", "", least(), "Subnet/MapPublicIpOnLaunch", true},
	{"instances can be reached", "      SecurityGroupEgress:", "      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}]\n      SecurityGroupEgress:", least(), "SecurityGroup/SecurityGroupIngress", nil},
	{"metadata without a token", "HttpTokens: required", "HttpTokens: optional", least(), "Infrastructure/InstanceMetadataOptions/HttpTokens", "required"},
	{"instances of the AMI may do without a token", "    AllowedValues: [required, as-base]\n    Default: required\n", "    AllowedValues: [required, as-base]\n    Default: as-base\n", least(), "Announce/DefinitionSubstitutions/Metadata", "required"},
	{"any AMI may be changed for ever", "              Condition: {StringEquals: {'aws:ResourceTag/CreatedBy': EC2 Image Builder, 'aws:ResourceTag/Name': !Ref AWS::StackName}}\n", "", least(), "AnnouncePolicy/PolicyDocument/Statement/0/Condition", map[string]any{"StringEquals": map[string]any{"aws:ResourceTag/CreatedBy": "EC2 Image Builder", "aws:ResourceTag/Name": "Nightly-AMI"}}},
	{"an instance that failed holds on to the subnet", "TerminateInstanceOnFailure: true", "TerminateInstanceOnFailure: false", least(), "Infrastructure/TerminateInstanceOnFailure", true},
	{"the service's own notice is taken for the message", "      TerminateInstanceOnFailure", "      SnsTopicArn: !Ref OutputTopic\n      TerminateInstanceOnFailure", least(), "Infrastructure/SnsTopicArn", nil},
	{"one instance type that is short stops every build", "HasInstanceTypes, !Ref InstanceTypes, [", "HasInstanceTypes, [!Ref InstanceType], [", everything(), "Infrastructure/InstanceTypes/1", "m7g.large"},
	{"builds are express unasked", "    AllowedValues: ['false', 'true']\n    Default: 'false'\n  AmiImdsv2", "    AllowedValues: ['false', 'true']\n    Default: 'true'\n  AmiImdsv2", least(), "Pipeline/Workflows", nil},
	{"express builds are tested slowly", "test/express-test-image", "test/test-image", with("ExpressWorkflows", "true"), "Pipeline/Workflows/1/WorkflowArn", "arn:aws:imagebuilder:eu-central-1:aws:workflow/test/express-test-image/x.x.x"},
	{"an account-wide inventory gets in the way", "EnhancedImageMetadataEnabled: false", "EnhancedImageMetadataEnabled: true", least(), "Pipeline/EnhancedImageMetadataEnabled", false},
	{"images are not tested", "ImageTestsEnabled: true", "ImageTestsEnabled: false", least(), "Pipeline/ImageTestsConfiguration/ImageTestsEnabled", true},
	{"failures are not reported", "status: [AVAILABLE, FAILED]", "status: [AVAILABLE]", least(), "ImageRule/EventPattern/detail/state/status/1", "FAILED"},
	{"images of others are taken for one's own", ":image/${Name}/\n              - Name: !Select [1, !Split [/, !Ref Recipe]]\n        detail", ":image/${Name}\n              - Name: !Select [1, !Split [/, !Ref Recipe]]\n        detail", least(), "ImageRule/EventPattern/resources/0/prefix", "arn:aws:imagebuilder:eu-central-1:123456789012:image/nightly-ami/"},
	{"the schedule goes off silently", "EC2 Image Builder Image Pipeline Automatically Disabled]", "EC2 Image Builder CVE Detected]", least(), "DisabledRule/EventPattern/detail-type/0", "EC2 Image Builder Image Pipeline Automatically Disabled"},
	{"the pipeline goes off after a number that no parameter sets", "        AutoDisablePolicy: {FailureCount: !Ref DisableAfterFailures}\n", "", least(), "Pipeline/Schedule/AutoDisablePolicy/FailureCount", "5"},
	{"logs are kept for ever", "      RetentionInDays: !Ref LogRetentionDays\n", "", least(), "ImageLogs/RetentionInDays", "30"},
	{"a log group that has come back is in the way", "/aws/imagebuilder/${AWS::StackName}/${Id}/images", "/aws/imagebuilder/${AWS::StackName}/images", least(), "ImageLogs/LogGroupName", "/aws/imagebuilder/Nightly-AMI/50e2416294e0/images"},
	{"all secrets go to each build", "Value: [!If [HasSecretsPrefix, !Sub '${SecretsBucket}/${SecretsPrefix}', !If [HasSecretsBucket, !Ref SecretsBucket, sthree-none]]]", "Value: [!Ref SecretsBucket]", everything(), "Recipe/Components/0/Parameters/0/Value/0", "secrets/agents/image"},
	{"a policy counts the images of each recipe version by itself", "  Retire:\n    Type: AWS::StepFunctions::StateMachine", "  Retire:\n    Type: AWS::ImageBuilder::LifecyclePolicy", least(), "Resources/Retire/Type", "AWS::StepFunctions::StateMachine"},
	{"an AMI in use is removed", `"LastLaunched": {"Unit": "DAYS"`, `"LastLaunched": {"Unit": "YEARS"`, least(), "Retire/Definition/States/Remove/Arguments/ExclusionRules", `{% {"Amis": {"LastLaunched": {"Unit": "DAYS", "Value": 30}, "TagMap": {"image-builder:keep": "true"}}} %}`},
	{"snapshots pile up", `"Snapshots": true`, `"Snapshots": false`, least(), "Retire/Definition/States/Remove/Arguments/IncludeResources", `{% {"Amis": true, "Snapshots": true} %}`},
	{"an event that cannot be handled is lost", "          DeadLetterConfig: {Arn: !GetAtt DeadLetters.Arn}\n", "", least(), "ImageRule/Targets/0/DeadLetterConfig/Arn", "arn:aws:any:eu-central-1:123456789012:DeadLetters"},
	{"nobody may put events into the queue", "Action: sqs:SendMessage", "Action: sqs:ReceiveMessage", least(), "DeadLettersPolicy/PolicyDocument/Statement/0/Action", "sqs:SendMessage"},
	{"nobody looks into the queue", "      AlarmActions: [!Ref FailureTopic]\n", "", least(), "DeadLettersAlarm/AlarmActions/0", "arn:aws:sns:eu-central-1:123456789012:FailureTopic"},
	{"an alarm that nobody asked for", "HasAlarm: !Not [!Equals [!Ref AlarmAfterDays, '0']]", "HasAlarm: !Not [!Equals [!Ref AlarmAfterDays, '']]", least(), "Overdue/StateMachineType", nil},
	{"the topic is called otherwise in the outputs", "Outputs:\n  OutputTopic:", "Outputs:\n  NewImages:", least(), "Outputs/OutputTopic/Value/Ref", "OutputTopic"},
}

const (
	distributed = "Distribution/Distributions/0/SsmParameterConfigurations/0/"
	trusted     = "Condition: {StringEquals: {'aws:SourceAccount': !Ref AWS::AccountId}}"
)

// with is the least, and one parameter more.
func with(name, value string) map[string]string {
	given := least()
	given[name] = value
	return given
}

func TestDefectsOfOthersAreImpossible(t *testing.T) {
	t.Parallel()
	text := string(rendered(t))

	for _, defect := range defects {
		t.Run(defect.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(defect.want, valueAt(t, []byte(text), defect.given, defect.place)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", defect.place, diff)
			}
			if cmp.Equal(defect.want, valueAt(t, edited(t, text, defect.old, defect.new), defect.given, defect.place)) {
				t.Errorf("the template with the defect has the same value at %s", defect.place)
			}
		})
	}
}

// valueAt reads a value of a template's section, or of a resource as its service would receive it; the place "refused"
// reports whether the stack is.
func valueAt(t *testing.T, text []byte, given map[string]string, place string) any {
	t.Helper()
	parsed := parse(t, text)

	if slices.Contains([]string{"Parameters", "Resources", "Outputs"}, strings.Split(place, "/")[0]) {
		return at(t, &intrinsic.Stack{Resources: map[string]intrinsic.Resource{"template": {Properties: parsed}}}, "template/"+place)
	}
	stack, err := intrinsic.Deploy(parsed, given)

	if place == "refused" {
		return err != nil
	}
	if err != nil {
		return fmt.Sprint("refused: ", err)
	}

	return at(t, stack, place)
}

// TestNothingShowsGitHubsRevokedKey reads what people copy from: a known_hosts with that key makes each build fail.
func TestNothingShowsGitHubsRevokedKey(t *testing.T) {
	t.Parallel()
	read := 0
	for _, root := range []string{"../../templates", "../../examples", "../../demo", "../../README.md"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if strings.Contains(string(text), "AAAAB3NzaC1yc2EAAAABIwAAAQEAq2A7hRGmdnm9tUDbO9IDSwBK6TbQa") {
				t.Errorf("%s has the key that GitHub withdrew in March 2023", path)
			}
			read++
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	if read < 10 {
		t.Errorf("only %d files were read", read)
	}
}
