package stacktest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/cloudformation/intrinsic"
)

// statement is one of an IAM policy, its lists written out.
type statement struct {
	owner, effect      string
	actions, resources []string
	notResources       []string
	conditions         any
}

// statements lists the statements of every role in a stack.
func statements(stack *intrinsic.Stack) []statement {
	var list []statement
	for name, resource := range stack.Resources {
		documents := map[string]any{}

		switch resource.Type {
		case "AWS::IAM::Role":
			inline, _ := resource.Properties["Policies"].([]any)
			for _, body := range inline {
				policy := body.(map[string]any)
				documents[name+"."+policy["PolicyName"].(string)] = policy["PolicyDocument"]
			}
		case "AWS::IAM::RolePolicy":
			documents[resource.Properties["RoleName"].(string)+"."+resource.Properties["PolicyName"].(string)] = resource.Properties["PolicyDocument"]
		}

		for owner, document := range documents {
			for _, body := range document.(map[string]any)["Statement"].([]any) {
				s := body.(map[string]any)
				list = append(list, statement{
					owner, s["Effect"].(string), texts(s["Action"]), texts(s["Resource"]), texts(s["NotResource"]), s["Condition"],
				})
			}
		}
	}

	return list
}

func texts(v any) []string {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	var out []string
	for _, item := range list {
		out = append(out, fmt.Sprint(item))
	}
	return out
}

// wide are the permissions on any resource, each reviewed: neither the agent's calls nor EC2's and Systems Manager's
// descriptions nor a login to ECR can be narrowed.
var wide = []string{
	"InstanceRole.SystemsManagerAgent", "InstanceRole.Registry ecr:GetAuthorizationToken", "ExecutionRole.Execution ec2:DescribeImages", "ExecutionRole.ImageBuilder ec2:DescribeImages",
	"ExecutionRole.ImageBuilder ec2:DescribeInstanceAttribute", "ExecutionRole.ImageBuilder ec2:DescribeInstances",
	"ExecutionRole.ImageBuilder ec2:DescribeInstanceStatus", "ExecutionRole.ImageBuilder ec2:DescribeInstanceTypeOfferings",
	"ExecutionRole.ImageBuilder ec2:DescribeInstanceTypes", "ExecutionRole.ImageBuilder ec2:DescribeSnapshots",
	"ExecutionRole.ImageBuilder ec2:DescribeSubnets", "ExecutionRole.ImageBuilder ec2:DescribeTags",
	"ExecutionRole.ImageBuilder ssm:DescribeInstanceInformation", "ExecutionRole.ImageBuilder ssm:GetCommandInvocation",
	"ExecutionRole.ImageBuilder ssm:ListCommandInvocations",
}

// traced are what Step Functions needs to write logs and traces, which cannot be narrowed.
// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
var traced = []string{
	"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
	"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery", "xray:GetSamplingRules", "xray:GetSamplingTargets",
	"xray:PutTelemetryRecords", "xray:PutTraceSegments",
}

// managed are AWS's policies that roles have, each reviewed. AmazonSSMManagedInstanceCore is not among them: it reads
// every parameter of the account.
var managed = []string{
	"arn:aws:iam::aws:policy/EC2InstanceProfileForImageBuilder", "arn:aws:iam::aws:policy/EC2ImageBuilderExecutionPolicy",
	"arn:aws:iam::aws:policy/service-role/EC2ImageBuilderLifecycleExecutionPolicy",
	"arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly", // the one that everything() asks for
}

// permissionFaults looks at a partition with AWS's execution policy and at one that may lack it.
func permissionFaults(t intrinsic.Template) []string {
	return append(faultsIn("aws", "amazonaws.com", t), faultsIn("aws-cn", "amazonaws.com.cn", t)...)
}

func faultsIn(partition, suffix string, t intrinsic.Template) []string {
	stack, err := intrinsic.DeployIn(partition, suffix, t, everything())
	if err != nil {
		return []string{err.Error()}
	}
	var faults []string
	for _, s := range statements(stack) {
		if s.effect != "Allow" {
			continue
		}

		for _, action := range s.actions {
			if strings.Contains(action, "*") {
				faults = append(faults, s.owner+" may do "+action)
			}
			reviewed := slices.Contains(wide, s.owner) || slices.Contains(wide, s.owner+" "+action) || slices.Contains(traced, action)
			if slices.Contains(s.resources, "*") && !reviewed {
				faults = append(faults, s.owner+" may do "+action+" on anything")
			}
		}

		if len(s.resources) == 0 {
			faults = append(faults, s.owner+" allows something on all but some")
		}
	}

	for name, resource := range stack.Resources {
		if resource.Type != "AWS::IAM::Role" {
			continue
		}
		for _, arn := range texts(resource.Properties["ManagedPolicyArns"]) {
			if !slices.Contains(managed, strings.Replace(arn, "arn:aws-cn:", "arn:aws:", 1)) {
				faults = append(faults, name+" has "+arn)
			}
		}
	}

	return faults
}

func TestPermissionsAreTheLeast(t *testing.T) {
	t.Parallel()
	for _, fault := range permissionFaults(template(t)) {
		t.Error(fault)
	}
}

// reach returns what a role may do with an action, or may not, with Deny.
func reach(stack *intrinsic.Stack, role, effect, action string) []string {
	var resources []string
	for _, s := range statements(stack) {
		if strings.HasPrefix(s.owner, role+".") && s.effect == effect && slices.Contains(s.actions, action) {
			resources = append(append(resources, s.resources...), s.notResources...)
		}
	}
	slices.Sort(resources)
	return resources
}

func TestRolesReachExactlyThis(t *testing.T) {
	t.Parallel()
	little := deploy(t, least())
	much := deploy(t, everything())
	elsewhere := deploy(t, with("DockerImages", "node:22 public.ecr.aws/docker/library/node:22 ghcr.io/acme/dkr:ecr"))
	dual := deploy(t, with("DockerImages", "123456789012.dkr-ecr.eu-west-1.on.aws/acme/tool:1"))
	keyed := with("ImageKeyArn", "arn:aws:kms:eu-central-1:123456789012:key/def")
	keyed["RootDeviceName"] = "/dev/xvda"
	home := deploy(t, keyed)
	const ssm = "arn:aws:ssm:eu-central-1:123456789012:parameter/"
	const anywhere = "arn:aws:ssm:*:123456789012:parameter/" // in further regions, under the same name

	const public = "arn:aws:ssm:eu-central-1::parameter/"
	for _, test := range []struct {
		stack                *intrinsic.Stack
		role, effect, action string
		want                 []string
	}{
		{little, "ExecutionRole", "Allow", "ssm:PutParameter", []string{ssm + "buildkite/agent-ami"}},
		{much, "ExecutionRole", "Allow", "ssm:PutParameter", []string{anywhere + "agent-ami"}},
		{much, "ExecutionRole", "Deny", "ssm:PutParameter", []string{anywhere + "agent-ami"}},
		{much, "ExecutionRole", "Allow", "kms:ReEncryptTo", []string{"arn:aws:kms:*:123456789012:key/mrk-def"}},
		{home, "ExecutionRole", "Allow", "kms:ReEncryptTo", []string{"arn:aws:kms:eu-central-1:123456789012:key/def"}},
		{little, "ExecutionRole", "Allow", "ssm:GetParameter", []string{ssm + "base-ami", ssm + "buildkite/agent-ami", public + "base-ami"}},
		{much, "ExecutionRole", "Allow", "ssm:GetParameter", []string{anywhere + "agent-ami", ssm + "buildkite/base-ami", public + "buildkite/base-ami"}},
		{little, "ExecutionRole", "Deny", "ssm:PutParameter", []string{ssm + "buildkite/agent-ami"}},
		{little, "ExecutionRole", "Deny", "ssm:GetParameter", []string{ssm + "base-ami", ssm + "buildkite/agent-ami", public + "aws/*"}},
		{little, "InstanceRole", "Allow", "ssm:GetParameter", nil},
		{little, "InstanceRole", "Allow", "s3:GetObject", nil},
		{much, "InstanceRole", "Allow", "s3:GetObject", []string{"arn:aws:s3:::scripts/agents/bootstrap.sh", "arn:aws:s3:::scripts/document.yml", "arn:aws:s3:::scripts/document.yml.d/*", "arn:aws:s3:::secrets/agents/image/*"}},
		{much, "InstanceRole", "Allow", "s3:ListBucket", []string{"arn:aws:s3:::secrets"}},
		{much, "InstanceRole", "Allow", "secretsmanager:GetSecretValue", []string{"arn:*:secretsmanager:*:*:secret:buildkite/private_ssh_key-??????", "arn:*:secretsmanager:*:*:secret:known_hosts-??????"}},
		{little, "InstanceRole", "Allow", "kms:Decrypt", nil},
		{much, "InstanceRole", "Allow", "kms:Decrypt", []string{"arn:aws:kms:*:*:key/*", "arn:aws:kms:*:*:key/*", "arn:aws:kms:*:*:key/*", "arn:aws:kms:eu-central-1:123456789012:key/abc"}},
		{little, "InstanceRole", "Allow", "ecr:GetAuthorizationToken", nil},
		{little, "InstanceRole", "Allow", "ecr:BatchGetImage", nil},
		{elsewhere, "InstanceRole", "Allow", "ecr:GetAuthorizationToken", nil},
		{elsewhere, "InstanceRole", "Allow", "ecr:BatchGetImage", nil},
		{much, "InstanceRole", "Allow", "ecr:GetAuthorizationToken", []string{"*"}},
		{much, "InstanceRole", "Allow", "ecr:BatchGetImage", []string{"arn:aws:ecr:*:123456789012:repository/*"}},
		{much, "InstanceRole", "Allow", "ecr:GetDownloadUrlForLayer", []string{"arn:aws:ecr:*:123456789012:repository/*"}},
		{dual, "InstanceRole", "Allow", "ecr:BatchGetImage", []string{"arn:aws:ecr:*:123456789012:repository/*"}},
		{little, "InstanceRole", "Allow", "logs:PutLogEvents", []string{"arn:aws:any:eu-central-1:123456789012:ImageLogs"}},
		{little, "WatchRole", "Allow", "sns:Publish", []string{"arn:aws:sns:eu-central-1:123456789012:FailureTopic"}},
		{little, "WatchRole", "Allow", "imagebuilder:GetImage", []string{"arn:aws:imagebuilder:eu-central-1:123456789012:image/nightly-ami/*"}},
		{little, "WatchRole", "Allow", "logs:CreateLogDelivery", nil},
		{much, "WatchRole", "Allow", "logs:CreateLogDelivery", []string{"*"}},
		{little, "AnnounceRole", "Allow", "ec2:ModifyImageAttribute", []string{"arn:aws:ec2:eu-central-1::image/*"}},
		{much, "AnnounceRole", "Allow", "ec2:ModifyImageAttribute", nil},
		{little, "RuleRole", "Allow", "states:StartExecution", []string{"arn:aws:states:eu-central-1:123456789012:stateMachine:Watch"}},
		{much, "RuleRole", "Allow", "states:StartExecution", []string{"arn:aws:states:eu-central-1:123456789012:stateMachine:Overdue", "arn:aws:states:eu-central-1:123456789012:stateMachine:Watch"}},
		{much, "OverdueRole", "Allow", "sns:Publish", []string{"arn:aws:sns:eu-central-1:123456789012:FailureTopic"}},
		{much, "OverdueRole", "Allow", "imagebuilder:ListImagePipelineImages", []string{pipelineARN}},
		{little, "AnnounceRole", "Allow", "ssm:GetParameter", []string{ssm + "buildkite/agent-ami"}},
	} {
		if diff := cmp.Diff(test.want, reach(test.stack, test.role, test.effect, test.action)); diff != "" {
			t.Errorf("%s, %s %s (-want +got):\n%s", test.role, test.effect, test.action, diff)
		}
	}

	for _, s := range statements(much) {
		if slices.Contains(s.actions, "secretsmanager:GetSecretValue") {
			want := map[string]any{"StringEquals": map[string]any{"aws:ResourceAccount": "123456789012", "aws:RequestedRegion": "eu-central-1"}}
			if diff := cmp.Diff(any(want), s.conditions); diff != "" {
				t.Errorf("secrets of others (-want +got):\n%s", diff)
			}
		}
	}
}

// What is encrypted with a key that the stack does not know is decrypted for what the instance may read, and nothing else.
func TestKeysServeTheirObjects(t *testing.T) {
	t.Parallel()
	var got []string
	for _, s := range statements(deploy(t, everything())) {
		if !slices.Equal(s.actions, []string{"kms:Decrypt"}) || !slices.Contains(s.resources, "arn:aws:kms:*:*:key/*") {
			continue
		}
		via := false
		for _, operands := range s.conditions.(map[string]any) {
			for key, value := range operands.(map[string]any) {
				switch key {
				case "kms:ViaService":
					via = cmp.Equal(texts(value), []string{"s3.*.amazonaws.com"})
				case "kms:EncryptionContext:aws:s3:arn":
					got = append(got, texts(value)...)
				}
			}
		}
		if !via {
			t.Errorf("%s decrypts what does not come through S3: %v", s.owner, s.conditions)
		}
	}

	slices.Sort(got)
	want := []string{
		"arn:aws:s3:::scripts", "arn:aws:s3:::scripts", "arn:aws:s3:::scripts/agents/bootstrap.sh", "arn:aws:s3:::scripts/document.yml",
		"arn:aws:s3:::scripts/document.yml.d/*", "arn:aws:s3:::secrets", "arn:aws:s3:::secrets/agents/image/*",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects whose keys may be used (-want +got):\n%s", diff)
	}
}
