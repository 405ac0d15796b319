package publish

import (
	"slices"
	"strings"

	"image-builder/internal/image"
)

// Policy is an IAM policy. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
type Policy struct {
	Version   string
	Statement []Statement
}

// Statement allows actions on resources.
type Statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// Rights says what a policy is for.
type Rights struct {
	Base      image.Base // that is pulled, if it is an AMI, and whose snapshot is the parent
	Regions   []string   // the first gets the disk, the others copies
	Account   string     // its number; "": any
	Parameter string     // "": none is written
	Topic     string     // ARN; "": no message is sent
	Shared    bool       // the AMI is shared
	Encrypted bool       // the account encrypts new snapshots by default
}

// Policy returns the policy that pulling the base and publishing an image need, and no more.
func (r Rights) Policy() Policy {
	p := Policy{Version: "2012-10-17"}
	p.allow("Look", []string{"ec2:DescribeImages", "ec2:DescribeSnapshots", "ec2:GetEbsEncryptionByDefault"}, []string{"*"})

	if r.Base.AMI != nil {
		p.allow("Pull", []string{"ebs:GetSnapshotBlock", "ebs:ListChangedBlocks", "ebs:ListSnapshotBlocks", "ec2:CopySnapshot"}, r.all("snapshot"))
	}

	p.allow("Upload", []string{"ebs:CompleteSnapshot", "ebs:PutSnapshotBlock", "ebs:StartSnapshot", "ec2:DeleteSnapshot"}, r.all("snapshot"))
	p.allow("Register", r.register(), append(r.all("image"), r.all("snapshot")...))

	if keys := r.keys(); len(keys) > 0 {
		p.allow("Keys", keys, r.arns("kms", "key/*"))
	}

	if r.Parameter != "" {
		p.allow("Parameter", []string{"ssm:GetParameter", "ssm:PutParameter"}, r.arns("ssm", "parameter/"+strings.TrimPrefix(r.Parameter, "/")))
	}

	if r.Topic != "" {
		p.allow("Message", []string{"sns:Publish"}, []string{r.Topic})
	}

	return p
}

func (p *Policy) allow(sid string, actions, resources []string) {
	p.Statement = append(p.Statement, Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources})
}

// keys returns the actions on KMS keys that EBS takes with the caller's rights.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
func (r Rights) keys() []string {
	from := r.Base.AMI != nil && r.Base.AMI.Encrypted // what is copied into the account
	if !from && !r.Encrypted {
		return nil
	}

	actions := []string{"kms:CreateGrant", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"}
	further := len(r.Regions) > 1 // the AMI's snapshot is copied there
	if r.Base.AMI != nil || further {
		actions = append(actions, "kms:Decrypt")
	}
	if from || further {
		actions = append(actions, "kms:ReEncryptFrom", "kms:ReEncryptTo")
	}
	slices.Sort(actions)

	return actions
}

func (r Rights) register() []string {
	actions := []string{"ec2:CreateTags", "ec2:RegisterImage"}
	if len(r.Regions) > 1 {
		actions = append(actions, "ec2:CopyImage")
	}
	if r.Shared {
		actions = append(actions, "ec2:ModifyImageAttribute")
	}
	slices.Sort(actions)
	return actions
}

// all returns the ARNs of all images or snapshots in the regions: AWS names them without an account.
func (r Rights) all(kind string) []string {
	var arns []string
	for _, region := range r.Regions {
		arns = append(arns, "arn:"+partition(region)+":ec2:"+region+"::"+kind+"/*")
	}
	return arns
}

// arns returns the ARNs of a resource of the account in the regions.
func (r Rights) arns(service, resource string) []string {
	account := r.Account
	if account == "" {
		account = "*"
	}
	var arns []string
	for _, region := range r.Regions {
		arns = append(arns, "arn:"+partition(region)+":"+service+":"+region+":"+account+":"+resource)
	}
	return arns
}

// partition returns the partition of a region. https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
