package publish_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"image-builder/internal/aws"
	"image-builder/internal/image"
	"image-builder/internal/publish"
	"image-builder/internal/snapshot"
	"image-builder/internal/testbed/wire"
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

// The policy has the uses of keys that pulling the base and publishing came with, and no others.
func TestPolicyHasTheKeysThatAreUsed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ base, account, ami, further bool }{
		"an encrypted base":                             {base: true, ami: true},
		"an encrypted base, in two regions":             {base: true, ami: true, further: true},
		"an account that encrypts by default":           {account: true, ami: true},
		"no AMI, in an account that encrypts":           {account: true},
		"no AMI, encrypted, in two regions":             {account: true, further: true},
		"nothing is encrypted, neither here nor abroad": {ami: true, further: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, test.base)
			a.EBS.EncryptByDefault(test.account)
			a.base.AMI.Encrypted = test.base
			if test.ami {
				a.pull(t)
			} else {
				a.base = image.Base{Name: "debian:bookworm"}
			}
			rights := publish.Rights{Base: a.base, Regions: []string{wire.Region}, Encrypted: test.account}

			made, err := a.AMI(t.Context(), publish.Request{Image: a.image, Base: a.base})
			if err != nil {
				t.Fatal(err)
			}
			if test.further {
				rights.Regions = append(rights.Regions, "us-east-1")
				a.copy(t, made)
			}

			want := map[string]bool{}
			for _, statement := range rights.Policy().Statement {
				for _, action := range statement.Action {
					if strings.HasPrefix(action, "kms:") {
						want[action] = true
					}
				}
			}
			used := map[string]bool{}
			for _, call := range a.Made() {
				if action, ok := strings.CutPrefix(call, "kms."); ok {
					used["kms:"+action] = true
				}
			}
			if !maps.Equal(want, used) {
				t.Errorf("the policy has %v, and used were %v", want, used)
			}
		})
	}
}

// pull makes the calls of a pull: the base's snapshot is copied, and the copy is read.
func (a *account) pull(t *testing.T) {
	t.Helper()
	session := aws.NewSession(a.Config())
	own, err := (&aws.EC2{Session: session}).CopySnapshot(t.Context(), a.base.Snapshot, "", "a copy", map[string]string{"Name": "copy"})
	if err != nil {
		t.Fatal(err)
	}
	for copied := ""; copied != snapshot.Completed; {
		found, err := a.Snapshots.Snapshot(t.Context(), own)
		if err != nil {
			t.Fatal(err)
		}
		copied = found.State
	}

	path := file(t, make([]byte, snapshot.GiB))
	disk, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	digests, err := snapshot.CreateDigests(path+".digests", snapshot.GiB)
	if err != nil {
		t.Fatal(err)
	}
	defer digests.Close()

	_, err = snapshot.Download{
		Reader: &aws.EBS{Session: session}, Snapshot: own, Disk: disk, Digests: digests, Pace: snapshot.DefaultPace, Bounds: a.Bounds,
	}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.base.Snapshot = own
}

// copy copies the AMI to another region.
func (a *account) copy(t *testing.T, made image.Published) {
	t.Helper()
	if _, err := a.AddRegion("us-east-1"); err != nil {
		t.Fatal(err)
	}
	config := a.Config()
	config.Region = "us-east-1"
	there := a.Publisher
	session := aws.NewSession(config)
	there.AMIs = &aws.EC2{Session: session}
	if _, err := there.Copy(t.Context(), publish.Request{Image: a.image, Base: a.base}, made); err != nil {
		t.Fatal(err)
	}
}
