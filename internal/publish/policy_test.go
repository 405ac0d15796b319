package publish_test

import (
	"slices"
	"testing"

	"image-builder/internal/image"
	"image-builder/internal/publish"
)

func TestPolicyHoldsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	ami := image.Base{AMI: &image.AMI{Encrypted: true}}

	for name, test := range map[string]struct {
		rights publish.Rights
		want   []string // the statements
		action string   // of one of them; "": none
		on     string
	}{
		"a base that is not an AMI": {publish.Rights{Regions: []string{"eu-central-1"}}, []string{"Look", "Upload", "Register"}, "ec2:RegisterImage", "arn:aws:ec2:eu-central-1::image/*"},
		"an encrypted AMI":          {publish.Rights{Base: ami, Regions: []string{"eu-central-1"}}, []string{"Look", "Pull", "Upload", "Register", "Keys"}, "kms:CreateGrant", "arn:aws:kms:eu-central-1:*:key/*"},
		"two regions":               {publish.Rights{Regions: []string{"cn-north-1", "cn-northwest-1"}}, []string{"Look", "Upload", "Register"}, "ec2:CopyImage", "arn:aws-cn:ec2:cn-northwest-1::snapshot/*"},
		"a shared AMI":              {publish.Rights{Regions: []string{"us-gov-west-1"}, Shared: true}, []string{"Look", "Upload", "Register"}, "ec2:ModifyImageAttribute", "arn:aws-us-gov:ec2:us-gov-west-1::image/*"},
		"a parameter": {
			publish.Rights{Regions: []string{"eu-central-1"}, Account: "123456789012", Parameter: "agent-ami", Topic: "arn:t"},
			[]string{"Look", "Upload", "Register", "Parameter", "Message"},
			"ssm:PutParameter", "arn:aws:ssm:eu-central-1:123456789012:parameter/agent-ami",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sids []string
			found := false
			for _, statement := range test.rights.Policy().Statement {
				sids = append(sids, statement.Sid)
				found = found || (slices.Contains(statement.Action, test.action) && slices.Contains(statement.Resource, test.on))
			}
			if !slices.Equal(sids, test.want) || !found {
				t.Errorf("statements %q, want %q, and %s on %s: %+v", sids, test.want, test.action, test.on, test.rights.Policy())
			}
		})
	}
}
