package stacktest_test

import (
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"image-builder/internal/testbed/cloudformation/intrinsic"
	"image-builder/internal/testbed/venv"
)

// unneeded are rights of EC2ImageBuilderExecutionPolicy that no build of this stack uses, each reviewed.
var unneeded = []string{
	"ec2:AttachImageWatermark", "ec2:CancelExportTask", "ec2:CreateLaunchTemplateVersion", "ec2:DescribeExportImageTasks", "ec2:DescribeHosts",
	"ec2:DescribeImportImageTasks", "ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates", "ec2:EnableFastLaunch", "ec2:ExportImage",
	"ec2:ModifyLaunchTemplate", "ec2:RegisterImage", "ecr:BatchDeleteImage", "ecr:CreateRepository", "ecr:TagResource", "events:DeleteRule",
	"events:DescribeRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets", "iam:CreateServiceLinkedRole", "inspector2:ListCoverage",
	"inspector2:ListFindings", "license-manager:UpdateLicenseSpecificationsForResource", "logs:CreateLogGroup", "sns:Publish", "ssm:AddTagsToResource",
	"ssm:CreateAssociation", "ssm:DeleteAssociation", "ssm:DescribeAssociationExecutions", "ssm:DescribeInstanceAssociationsStatus", "ssm:ListInventoryEntries",
}

// managedPolicy is AWS's own text of a policy, as moto has it.
func managedPolicy(t *testing.T, name string) []statement {
	t.Helper()
	const program = `import json, sys
from moto.iam.aws_managed_policies import aws_managed_policies_data as data
print(json.dumps((json.loads(data) if isinstance(data, str) else data)[sys.argv[1]]["Document"]["Statement"]))`
	out, err := exec.CommandContext(t.Context(), venv.Python(t), "-c", program, name).Output()
	if err != nil {
		t.Fatal(err)
	}

	var bodies []map[string]any
	if err := json.Unmarshal(out, &bodies); err != nil {
		t.Fatal(err)
	}
	var list []statement
	for _, s := range bodies {
		list = append(list, statement{effect: s["Effect"].(string), actions: texts(s["Action"]), resources: texts(s["Resource"]), conditions: s["Condition"]})
	}

	return list
}

// keys are the condition keys of a statement.
func keys(conditions any) []string {
	var names []string
	operators, _ := conditions.(map[string]any)
	for _, operands := range operators {
		names = append(names, slices.Collect(maps.Keys(operands.(map[string]any)))...)
	}
	slices.Sort(names)
	return names
}

// within reports whether AWS's policy allows an action on a resource under conditions with these keys.
func within(policy []statement, action, resource string, conditions []string) bool {
	return slices.ContainsFunc(policy, func(s statement) bool {
		named := slices.Contains(s.resources, resource) || slices.Contains(s.resources, "*")
		return slices.Contains(s.actions, action) && named && slices.Equal(keys(s.conditions), conditions)
	})
}

// partitionFaults says where the execution role of a partition without the managed policy differs from it.
func partitionFaults(t *testing.T, template intrinsic.Template) []string {
	t.Helper()
	stack, err := intrinsic.DeployIn("aws-cn", "amazonaws.com.cn", template, everything())
	if err != nil {
		return []string{err.Error()}
	}
	policy := managedPolicy(t, "EC2ImageBuilderExecutionPolicy")
	allowed := map[string]bool{}
	var faults []string

	for _, s := range statements(stack) {
		if !strings.HasPrefix(s.owner, "ExecutionRole.") || s.effect != "Allow" {
			continue
		}
		for _, action := range s.actions {
			allowed[action] = true
			for _, resource := range s.resources {
				if s.owner == "ExecutionRole.ImageBuilder" && !within(policy, action, strings.ReplaceAll(resource, "arn:aws-cn:", "arn:aws:"), keys(s.conditions)) {
					faults = append(faults, "AWS's policy does not allow "+action+" on "+resource+" like that")
				}
			}
		}
	}

	for _, s := range policy {
		for _, action := range s.actions {
			if !allowed[action] && !slices.Contains(unneeded, action) {
				faults = append(faults, "it lacks "+action)
			}
		}
	}

	if arns := stack.Resources["ExecutionRole"].Properties["ManagedPolicyArns"]; arns != nil {
		faults = append(faults, "it names a managed policy, which may not be there")
	}

	return faults
}

// TestOtherPartitionsHaveTheSameRights compares the rights that are written out with AWS's own policy.
func TestOtherPartitionsHaveTheSameRights(t *testing.T) {
	t.Parallel()
	for _, fault := range partitionFaults(t, template(t)) {
		t.Error(fault)
	}
	if roles := deploy(t, everything()).Resources["ExecutionRole"].Properties; roles["Policies"] != nil {
		t.Error("where the managed policy is, its rights are given twice")
	}
}

func TestWrongRightsOfOtherPartitionsAreNoticed(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string][2]string{
		"a right is missing":        {"ec2:DescribeInstanceStatus", "ec2:DescribeInstances"},
		"a right AWS does not give": {"Action: ec2:CopyImage\n", "Action: ec2:DeleteVolume\n"},
		"no condition":              {"Action: [ec2:DeregisterImage, ec2:ModifyImageAttribute]\n                  Resource: !Sub 'arn:${AWS::Partition}:ec2:*::image/*'\n                  Condition", "Action: [ec2:DeregisterImage, ec2:ModifyImageAttribute]\n                  Resource: !Sub 'arn:${AWS::Partition}:ec2:*::image/*'\n                  Comment"},
		"the policy all the same":   {"HasExecutionPolicy: !Equals [!Ref AWS::Partition, aws]", "HasExecutionPolicy: !Equals [aws, aws]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(partitionFaults(t, parse(t, edited(t, string(rendered(t)), edit[0], edit[1])))) == 0 {
				t.Error("nothing is noticed")
			}
		})
	}
}

// IAM counts the inline policies of a role together, without white space.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestInlinePoliciesFitIntoTheirRoles(t *testing.T) {
	t.Parallel()
	for _, partition := range [][2]string{{"aws", "amazonaws.com"}, {"aws-us-gov", "amazonaws.com"}, {"aws-cn", "amazonaws.com.cn"}} {
		stack, err := intrinsic.DeployIn(partition[0], partition[1], template(t), everything())
		if err != nil {
			t.Fatal(err)
		}
		size := map[string]int{}

		for name, resource := range stack.Resources {
			switch resource.Type {
			case "AWS::IAM::Role":
				size[name] += length(t, resource.Properties["Policies"])
			case "AWS::IAM::RolePolicy":
				size[resource.Properties["RoleName"].(string)] += length(t, resource.Properties["PolicyDocument"])
			}
		}

		for role, n := range size {
			if n > 10_240 {
				t.Errorf("%s: %s has %d bytes of inline policies", partition[0], role, n)
			}
		}
	}
}

func length(t *testing.T, v any) int {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}
