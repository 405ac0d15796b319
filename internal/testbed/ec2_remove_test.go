package testbed_test

import (
	"testing"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/wire"
)

// TestSnapshotsOutliveTheirAMIs checks that removing an AMI leaves its snapshot, which can be deleted only
// afterwards.
func TestSnapshotsOutliveTheirAMIs(t *testing.T) {
	t.Parallel()
	cloud := testbed.Start(t)
	ami := cloud.EC2.AddAMI(ec2.AMI{ID: "ami-0123456789abcdef0"})
	foreign := cloud.EC2.AddAMI(ec2.AMI{ID: "ami-0fedcba9876543210", Owner: "210987654321", Public: true})
	do := func(operation string, in wire.Values, want string) {
		t.Helper()
		got := ""
		if _, err := cloud.Do("ec2", operation, in); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s %v: %q, want %q", operation, in, got, want)
		}
	}

	snapshot := wire.Values{"SnapshotId": "snap-0123456789abcdef0"}
	do("DeleteSnapshot", snapshot, "InvalidSnapshot.InUse: The snapshot snap-0123456789abcdef0 is currently in use by ami-0123456789abcdef0")
	do("DeregisterImage", wire.Values{"ImageId": foreign}, "AuthFailure: Not authorized for image:ami-0fedcba9876543210")
	do("DeregisterImage", wire.Values{"ImageId": ami}, "")
	do("DeregisterImage", wire.Values{"ImageId": ami}, "InvalidAMIID.Unavailable: The image ID 'ami-0123456789abcdef0' is no longer available")

	if left := cloud.EC2.Orphans(); len(left) != 1 {
		t.Errorf("snapshots without AMI: %v", left)
	}

	do("DeleteSnapshot", snapshot, "")
	do("DeleteSnapshot", snapshot, "InvalidSnapshot.NotFound: The snapshot 'snap-0123456789abcdef0' does not exist.")
}
