package stacktest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/cloudformation/intrinsic"
)

// everything uses all that the template offers.
func everything() map[string]string {
	return map[string]string{
		"BaseAmiParameter": "/buildkite/base-ami", "OutputAmiParameter": "agent-ami", "OutputAmiDataType": "aws:ec2:image",
		"BootstrapScriptUrl": "s3://scripts/agents/bootstrap.sh", "InstanceType": "t4g.large", "InstanceTypes": "t4g.large, m7g.large", "ExpressWorkflows": "true", "AlarmAfterDays": "3", "AmiImdsv2": "as-base", "TraceMachines": "true",
		"StackKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/ghi", "SecretsBucket": "secrets", "SecretsPrefix": "agents/image",
		"SecretNames": "buildkite/private_ssh_key, known_hosts", "SecretsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/abc",
		"SubnetId": "subnet-0123456789abcdef0", "Packages": "jq", "GitMirrors": "git@github.com:acme/monorepo.git", "DockerImages": "node:22 123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/tool:1",
		"DockerUsernsRemap": "", "ComponentDocumentUrl": "s3://scripts/document.yml", "TimeZone": "Europe/Berlin", "RootDeviceName": "/dev/sda1",
		"RootVolumeSize": "40", "ImageKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/mrk-def", "InstancePolicyArns": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
		"BuildWhen": "base-changed", "Regions": "us-east-1,eu-central-1,eu-west-1", "ShareWith": "210987654321,111122223333",
		"ShareWithUnits": "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-abcd-abcdefgh",
	}
}

func deploy(t *testing.T, given map[string]string) *intrinsic.Stack {
	t.Helper()
	stack, err := intrinsic.Deploy(template(t), given)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// at reads a value inside properties: names and list indexes, separated by slashes.
func at(t *testing.T, stack *intrinsic.Stack, path string) any {
	t.Helper()
	resource, rest, _ := strings.Cut(path, "/")
	if _, ok := stack.Resources[resource]; !ok {
		return nil
	}
	var value any = stack.Resources[resource].Properties
	for step := range strings.SplitSeq(rest, "/") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var index int
			if _, err := fmt.Sscan(step, &index); err != nil || index >= len(v) {
				return nil
			}
			value = v[index]
		default:
			return nil
		}
	}

	return value
}

// components lists the recipe's components in order, with their parameters.
func components(t *testing.T, stack *intrinsic.Stack) []string {
	t.Helper()
	var lines []string
	for _, body := range at(t, stack, "Recipe/Components").([]any) {
		component := body.(map[string]any)
		line := strings.Split(component["ComponentArn"].(string), "/")[1]
		parameters, _ := component["Parameters"].([]any)
		for _, body := range parameters {
			parameter := body.(map[string]any)
			line += fmt.Sprintf(" %s=%v", parameter["Name"], parameter["Value"])
		}
		lines = append(lines, line)
	}

	return lines
}

func TestComponentsAreThoseAskedFor(t *testing.T) {
	t.Parallel()
	least := components(t, deploy(t, least()))
	if diff := cmp.Diff([]string{"bootstrapcomponent BootstrapScriptUrl=[s3://sthree-none/none] SecretsBucket=[sthree-none]"}, least); diff != "" {
		t.Errorf("with nothing asked for (-want +got):\n%s", diff)
	}

	all := []string{
		"secretscomponent SecretsBucket=[secrets/agents/image] SecretNames=[buildkite/private_ssh_key known_hosts] Region=[eu-central-1]",
		"packagescomponent Packages=[jq]",
		"gitmirrorscomponent Repositories=[git@github.com:acme/monorepo.git]",
		"dockerimagescomponent Images=[node:22 123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/tool:1] UsernsRemap=[]",
		"documentcomponent",
		"bootstrapcomponent BootstrapScriptUrl=[s3://scripts/agents/bootstrap.sh] SecretsBucket=[secrets/agents/image]",
	}
	if diff := cmp.Diff(all, components(t, deploy(t, everything()))); diff != "" {
		t.Errorf("with everything (-want +got):\n%s", diff)
	}
}

// TestEveryCombinationDeploys switches each option on alone, and off alone: nothing refers to what is not created.
func TestEveryCombinationDeploys(t *testing.T) {
	t.Parallel()
	for name := range everything() {
		alone := least()
		without := everything()
		alone[name] = everything()[name]
		delete(without, name)

		for other, value := range least() {
			if without[other] == "" {
				without[other] = value
			}
		}

		switch name {
		case "SecretsPrefix":
			alone["SecretsBucket"] = "secrets"
		case "SecretsBucket":
			delete(without, "SecretsPrefix")
		case "RootVolumeSize", "ImageKeyArn":
			alone["RootDeviceName"] = "/dev/xvda"
		case "RootDeviceName":
			delete(without, "RootVolumeSize")
			delete(without, "ImageKeyArn")
		}

		for _, given := range []map[string]string{alone, without} {
			if _, err := intrinsic.Deploy(template(t), given); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestWhatIsMade reads values that the services would receive.
func TestWhatIsMade(t *testing.T) {
	t.Parallel()
	little := deploy(t, least())

	much := deploy(t, everything())
	four := deploy(t, with("Regions", "us-east-1,us-east-2,us-west-1,us-west-2"))
	shared := map[string]any{
		"UserIds": []any{"210987654321", "111122223333"}, "OrganizationalUnitArns": []any{"arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-abcd-abcdefgh"},
	}
	for _, test := range []struct {
		stack *intrinsic.Stack
		path  string
		want  any
	}{
		{little, "Recipe/ParentImage", "ssm:base-ami"},
		{much, "Recipe/ParentImage", "ssm:/buildkite/base-ami"},
		{little, "Recipe/Version", "1.0.x"},
		{little, "Recipe/BlockDeviceMappings", nil},
		{much, "Recipe/BlockDeviceMappings/0/DeviceName", "/dev/sda1"},
		{much, "Recipe/BlockDeviceMappings/0/Ebs/VolumeSize", "40"},
		{much, "Recipe/BlockDeviceMappings/0/Ebs/KmsKeyId", "arn:aws:kms:eu-central-1:123456789012:key/mrk-def"},
		{little, "Distribution/Distributions/0/SsmParameterConfigurations/0", map[string]any{"ParameterName": "/buildkite/agent-ami", "DataType": "text"}},
		{much, "Distribution/Distributions/0/SsmParameterConfigurations/0", map[string]any{"ParameterName": "agent-ami", "DataType": "aws:ec2:image"}},
		{little, "Infrastructure/InstanceTypes", []any{"t3.large"}},
		{deploy(t, with("InstanceType", "m7i.large")), "Infrastructure/InstanceTypes", []any{"m7i.large"}},
		{much, "Infrastructure/InstanceTypes", []any{"t4g.large", "m7g.large"}},
		{little, "FailureTopic/KmsMasterKeyId", nil},
		{little, "ImageLogs/KmsKeyId", nil},
		{little, "DeadLetters/SqsManagedSseEnabled", true},
		{much, "DeadLetters/SqsManagedSseEnabled", nil},
		{little, "Watch/LoggingConfiguration", nil},
		{little, "Watch/TracingConfiguration", nil},
		{little, "MachineLogs/LogGroupName", nil},
		{much, "MachineLogs/LogGroupName", "/aws/vendedlogs/states/Nightly-AMI/50e2416294e0"},
		{little, "ImageRule/Targets/0/DeadLetterConfig/Arn", "arn:aws:any:eu-central-1:123456789012:DeadLetters"},
		{little, "DisabledRule/Targets/0/DeadLetterConfig/Arn", "arn:aws:any:eu-central-1:123456789012:DeadLetters"},
		{much, "OverdueRule/Targets/0/DeadLetterConfig/Arn", "arn:aws:any:eu-central-1:123456789012:DeadLetters"},
		{little, "OverdueRule/ScheduleExpression", nil},
		{much, "OverdueRule/ScheduleExpression", "rate(1 day)"},
		{little, "DeadLettersPolicy/PolicyDocument/Statement/0/Condition/ArnEquals/aws:SourceArn/1", "arn:aws:any:eu-central-1:123456789012:DisabledRule"},
		{much, "DeadLettersPolicy/PolicyDocument/Statement/0/Condition/ArnEquals/aws:SourceArn/2", "arn:aws:any:eu-central-1:123456789012:OverdueRule"},
		{little, "DeadLettersAlarm/AlarmActions/0", "arn:aws:sns:eu-central-1:123456789012:FailureTopic"},
		{little, "DeadLettersAlarm/TreatMissingData", "notBreaching"},
		{much, "Pipeline/Workflows/0/WorkflowArn", "arn:aws:imagebuilder:eu-central-1:aws:workflow/build/express-build-image/x.x.x"},
		{little, "Distribution/Distributions/1", nil},
		{little, "Distribution/Distributions/0/AmiDistributionConfiguration/LaunchPermissionConfiguration", nil},
		{much, "Distribution/Distributions/0/AmiDistributionConfiguration/LaunchPermissionConfiguration", shared},
		{much, "Distribution/Distributions/0/Region", "eu-central-1"},
		{much, "Distribution/Distributions/1/Region", "us-east-1"},
		{much, "Distribution/Distributions/1/SsmParameterConfigurations/0", map[string]any{"ParameterName": "agent-ami", "DataType": "aws:ec2:image"}},
		{much, "Distribution/Distributions/1/AmiDistributionConfiguration/LaunchPermissionConfiguration", shared},
		{much, "Distribution/Distributions/1/AmiDistributionConfiguration/KmsKeyId", "arn:aws:kms:us-east-1:123456789012:key/mrk-def"},
		{much, "Distribution/Distributions/2/Region", "eu-west-1"}, // the stack's own is not there twice
		{much, "Distribution/Distributions/2/AmiDistributionConfiguration/KmsKeyId", "arn:aws:kms:eu-west-1:123456789012:key/mrk-def"},
		{much, "Distribution/Distributions/3", nil},
		{four, "Distribution/Distributions/4/Region", "us-west-2"},
		{four, "Distribution/Distributions/4/AmiDistributionConfiguration/KmsKeyId", nil},
		{little, "Infrastructure/SubnetId", "Subnet"},
		{much, "Infrastructure/SubnetId", "subnet-0123456789abcdef0"},
		{little, "SecurityGroup/VpcId", "BuildVpc"},
		{much, "SecurityGroup/VpcId", "SubnetProbe.VpcId"},
		{much, "BuildVpc/CidrBlock", nil},
		{little, "SubnetProbe/SubnetId", nil},
		{little, "Infrastructure/InstanceMetadataOptions/HttpTokens", "required"},
		{little, "Pipeline/Schedule/PipelineExecutionStartCondition", "EXPRESSION_MATCH_ONLY"},
		{little, "Pipeline/Schedule/AutoDisablePolicy/FailureCount", "5"},
		{much, "Pipeline/Schedule/Timezone", "Europe/Berlin"},
		{little, "Pipeline/LoggingConfiguration/ImageLogGroupName", "ImageLogs"},
		{little, "ImageLogs/LogGroupName", "/aws/imagebuilder/Nightly-AMI/50e2416294e0/images"},
		{little, "ImageRule/EventPattern/resources/0/prefix", "arn:aws:imagebuilder:eu-central-1:123456789012:image/nightly-ami/"},
		{little, "DisabledRule/EventPattern/resources/0", pipelineARN},
		{much, "InstanceRole/ManagedPolicyArns", []any{"arn:aws:iam::aws:policy/EC2InstanceProfileForImageBuilder", "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"}},
	} {
		if diff := cmp.Diff(test.want, at(t, test.stack, test.path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.path, diff)
		}
	}
}

// TestRefusedAtOnce are mistakes that CloudFormation must refuse before it creates anything.
func TestRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, parameter, value, want string }{
		{"a path without slash", "BaseAmiParameter", "buildkite/base-ami", "starts with a slash"},
		{"two slashes", "OutputAmiParameter", "/buildkite//agent-ami", "starts with a slash"},
		{"an ARN", "OutputAmiParameter", "arn:aws:ssm:eu-central-1:123456789012:parameter/a", "parameter's name"},
		{"base and output alike", "OutputAmiParameter", "base-ami", "must differ"},
		{"a path for a script", "BootstrapScriptUrl", "./bootstrap.sh", "s3://bucket/bootstrap.sh"},
		{"a script by https", "BootstrapScriptUrl", "https://bucket.s3.amazonaws.com/x", "s3://bucket/bootstrap.sh"},
		{"a bucket for a script", "BootstrapScriptUrl", "s3://bucket/", "s3://bucket/bootstrap.sh"},
		{"a quote in the URL", "BootstrapScriptUrl", "s3://bucket/a'b", "s3://bucket/bootstrap.sh"},
		{"any object", "BootstrapScriptUrl", "s3://bucket/*", "s3://bucket/bootstrap.sh"},
		{"a bucket as URL", "SecretsBucket", "s3://secrets", "without s3://"},
		{"a prefix in the bucket", "SecretsBucket", "secrets/agents", "SecretsPrefix"},
		{"a prefix alone", "SecretsPrefix", "agents", "blank"},
		{"every secret", "SecretNames", "buildkite/*", "names of secrets"},
		{"a size without device", "RootVolumeSize", "40", "RootDeviceName"},
		{"a key without device", "ImageKeyArn", "arn:aws:kms:eu-central-1:123456789012:key/abc", "RootDeviceName"},
		{"a key's alias", "ImageKeyArn", "alias/x", "not of an alias"},
		{"a family for a type", "InstanceTypes", "t3.large,t3a", "t3.large,t3a.large"},
		{"a subnet's name", "SubnetId", "private-a", "subnet's ID"},
		{"five regions", "Regions", "us-east-1,us-east-2,us-west-1,us-west-2,eu-west-1", "up to four regions"},
		{"regions with blanks", "Regions", "us-east-1, us-east-2", "commas alone"},
		{"a zone", "Regions", "us-east-1a", "up to four regions"},
		{"an account's name", "ShareWith", "acme", "12 digits"},
		{"a unit among accounts", "ShareWith", "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-abcd-abcdefgh", "ShareWithUnits"},
		{"an organization", "ShareWithUnits", "arn:aws:organizations::123456789012:organization/o-abcdefghij", "organizational units"},
		{"another moment", "BuildWhen", "changed", "BuildWhen"},
		{"an unknown type", "OutputAmiDataType", "String", "OutputAmiDataType"},
		{"a key's alias for the topics", "StackKeyArn", "arn:aws:kms:eu-central-1:123456789012:alias/x", "not of an alias"},
		{"an alarm after a fraction", "AlarmAfterDays", "0.5", "AlarmAfterDays"},
		{"a pipeline that never stops", "DisableAfterFailures", "11", "DisableAfterFailures"},
	} {
		given := least()
		given[test.parameter] = test.value
		if _, err := intrinsic.Deploy(template(t), given); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want a word of %q", test.name, err, test.want)
		}
	}

	if _, err := intrinsic.Deploy(template(t), nil); err == nil {
		t.Error("it deploys without a base and an output")
	}
}

func TestEveryParameterIsShownInTheConsole(t *testing.T) {
	t.Parallel()
	parsed := template(t)
	var shown []string

	groups := parsed.Section("Metadata")["AWS::CloudFormation::Interface"].(map[string]any)["ParameterGroups"].([]any)
	for _, group := range groups {
		for _, name := range group.(map[string]any)["Parameters"].([]any) {
			shown = append(shown, name.(string))
		}
	}

	slices.Sort(shown)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(parsed.Section("Parameters"))), shown); diff != "" {
		t.Errorf("parameters (-declared +in groups):\n%s", diff)
	}
}

// TestAKeyOfOnesOwnEncryptsAll looks at each topic, log group and queue: what is added later must not be forgotten.
func TestAKeyOfOnesOwnEncryptsAll(t *testing.T) {
	t.Parallel()
	if faults := unencrypted(template(t)); len(faults) > 0 {
		t.Error(strings.Join(faults, "\n"))
	}
	for _, line := range []string{"KmsMasterKeyId: !If [HasStackKey, !Ref StackKeyArn, !Ref AWS::NoValue]", "KmsKeyId: !If [HasStackKey, !Ref StackKeyArn, !Ref AWS::NoValue]", "- HasStackKey\n            - Effect: Allow"} {
		wrong := edited(t, string(rendered(t)), line, strings.Replace(line, "HasStackKey", "HasImageKeyNot", 1))
		wrong = edited(t, string(wrong), "  HasStackKey: ", "  HasImageKeyNot: !Equals [!Ref ImageKeyArn, '']\n  HasStackKey: ")
		if len(unencrypted(parse(t, wrong))) == 0 {
			t.Errorf("nothing notices that %q is missing", line)
		}
	}
}

// unencrypted says what the stack's own key does not encrypt, and which publisher may not use it.
func unencrypted(template intrinsic.Template) []string {
	const key = "arn:aws:kms:eu-central-1:123456789012:key/ghi"
	stack, err := intrinsic.Deploy(template, everything())
	if err != nil {
		return []string{err.Error()}
	}

	var faults []string
	properties := map[string]string{"AWS::SNS::Topic": "KmsMasterKeyId", "AWS::SQS::Queue": "KmsMasterKeyId", "AWS::Logs::LogGroup": "KmsKeyId"}
	for name, resource := range stack.Resources {
		if property := properties[resource.Type]; property != "" && resource.Properties[property] != key {
			faults = append(faults, name+" is not encrypted with the key")
		}
	}

	for _, role := range []string{"WatchRole", "AnnounceRole", "RetireRole", "OverdueRole"} {
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
			if !slices.Equal(reach(stack, role, "Allow", action), []string{key}) {
				faults = append(faults, role+" may publish, but not "+action)
			}
		}
	}

	return faults
}
