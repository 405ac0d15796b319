package publish_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/aws"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/publish"
	"image-builder/internal/snapshot"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/wire"
)

// account is a test server with a publisher, a base that is stored here and in the account, and an image baked from
// it.
type account struct {
	*testbed.Cloud
	publish.Publisher
	base  image.Base
	image image.Image
}

const mib = 1 << 20

func newAccount(tb testing.TB, encrypted bool) account {
	tb.Helper()
	cloud := testbed.Start(tb)
	session := aws.NewSession(cloud.Config())
	machines := &aws.EC2{Session: session}
	bounds := snapshot.DefaultBounds
	bounds.First = time.Millisecond
	bounds.Most = 20 * time.Millisecond
	a := account{Cloud: cloud, Publisher: publish.Publisher{
		AMIs: machines, Writer: &aws.EBS{Session: session}, Snapshots: machines, Journals: filepath.Join(tb.TempDir(), "publications"),
		Pace: snapshot.DefaultPace, Bounds: bounds, Now: time.Now,
	}}

	disk := make([]byte, 16*mib)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // to be repeated

	blocks := map[int64][]byte{}
	for _, index := range []int64{0, 3, 4, 9} {
		block := disk[index*snapshot.BlockSize : (index+1)*snapshot.BlockSize]
		for i := range block {
			block[i] = byte(random.Uint32())
		}
		blocks[index] = block
	}

	own, err := cloud.EBS.AddSnapshot(ebs.Snapshot{Size: 1, Encrypted: encrypted}, blocks)
	if err != nil {
		tb.Fatal(err)
	}
	ami := image.AMI{
		ID: "ami-0123456789abcdef0", Name: "base", Arch: image.X86_64, RootDevice: "/dev/sda1", RootSize: 1, BootMode: "uefi-preferred", ENA: true,
		IMDS: "v2.0", TPM: "v2.0", SRIOV: "simple", Platform: "Linux/UNIX", Virtualization: "hvm", Volume: image.Volume{Type: "gp3", Throughput: 250},
		Others: []image.Device{{Name: "/dev/sdb", Virtual: "ephemeral0"}},
	}

	a.base = image.Base{Name: ami.ID, Disk: file(tb, disk), Size: int64(len(disk)), AMI: &ami, Snapshot: own, Region: wire.Region}

	disk = bytes.Clone(disk)
	copy(disk[3*snapshot.BlockSize:], "changed")
	clear(disk[9*snapshot.BlockSize : 10*snapshot.BlockSize])
	a.image = image.Image{
		ID: image.NewID(), Name: "agent", Base: ami.ID, RecipeDigest: "0123", Arch: image.X86_64, Disk: file(tb, disk), Size: int64(len(disk)),
		Firmware: []image.Firmware{image.UEFI, image.BIOS},
	}

	tb.Cleanup(func() {
		allowed(tb, cloud, publish.Rights{Base: a.base, Regions: []string{wire.Region, "us-east-1"}, Shared: true, Encrypted: true})
	})
	return a
}

// allowed checks that the policy allows every call that an account got.
func allowed(tb testing.TB, cloud *testbed.Cloud, rights publish.Rights) {
	tb.Helper()
	actions := map[string]bool{}
	for _, statement := range rights.Policy().Statement {
		for _, action := range statement.Action {
			actions[action] = true
		}
	}
	for _, call := range cloud.Made() {
		if action := strings.Replace(call, ".", ":", 1); !actions[action] {
			tb.Errorf("%s was called, and the policy does not allow it: %v", action, actions)
		}
	}
}

// file keeps a disk in a directory of its own.
func file(tb testing.TB, disk []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "disk.raw")
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// holds checks that a snapshot has the content of the image's disk.
func (a account) holds(tb testing.TB, id string) {
	tb.Helper()
	disk, err := os.ReadFile(a.image.Disk)
	if err != nil {
		tb.Fatal(err)
	}

	for index := int64(0); (index+1)*snapshot.BlockSize <= int64(len(disk)); index++ {
		block, err := a.EBS.Block(id, index)
		if err != nil || !bytes.Equal(block, disk[index*snapshot.BlockSize:(index+1)*snapshot.BlockSize]) {
			tb.Errorf("block %d of %s is not the disk's: %v", index, id, err)
		}
	}
}

func TestImageBecomesAnAMILikeItsBase(t *testing.T) {
	t.Parallel()
	a := newAccount(t, false)
	request := publish.Request{Image: a.image, Base: a.base, Tags: map[string]string{"team": "ci"}, Accounts: []string{"210987654321"}}
	plan, err := a.Plan(t.Context(), request)
	if err != nil || plan.Changed.Len() != 2 || plan.Zeroed != 1 || plan.Filled != 3 || plan.Parent != a.base.Snapshot || plan.Existing != "" {
		t.Errorf("plan %+v, %v", plan, err)
	}

	got, err := a.AMI(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if n := a.Calls("ebs", "PutSnapshotBlock"); n != 2 || got.Blocks != 2 || got.Parent != a.base.Snapshot || got.Region != wire.Region {
		t.Errorf("%d blocks were sent: %+v", n, got)
	}

	a.holds(t, got.Snapshot)

	ami, _ := a.EC2.AMI(got.AMI)
	want := "available /dev/sda1 uefi-preferred x86_64 true v2.0 v2.0 simple 1 [210987654321] " + got.Snapshot

	have := fmt.Sprint(ami.State, " ", ami.RootDevice, " ", ami.BootMode, " ", ami.Architecture, " ", ami.ENA, " ", ami.IMDS, " ", ami.TPM, " ", ami.SRIOV, " ", len(ami.Devices), " ", ami.Shared, " ", ami.Snapshot)
	if have != want {
		t.Errorf("got %s\nwant %s", have, want)
	}

	for tag, value := range map[string]string{
		"team": "ci", publish.ImageTag: a.image.ID, "image-builder:base-ami": a.base.AMI.ID, "image-builder:parent-snapshot": a.base.Snapshot, "image-builder:recipe-digest": "0123",
	} {
		if ami.Tags[tag] != value {
			t.Errorf("tag %s is %q", tag, ami.Tags[tag])
		}
	}

	again, err := a.AMI(t.Context(), request)
	if err != nil || again.AMI != got.AMI || a.Calls("ebs", "PutSnapshotBlock") != 2 {
		t.Errorf("published again: %+v, %v", again, err)
	}
	if left, err := os.ReadDir(a.Journals); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestWhatIsSentWithoutAParent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*account)
		parent bool
	}{
		"encrypted by default, base not":        {func(a *account) { a.EBS.EncryptByDefault(true) }, false},
		"base in another region":                {func(a *account) { a.base.Region = "us-east-1" }, false},
		"base that is not an AMI":               {func(a *account) { a.base = image.Base{Name: "debian:bookworm"} }, false},
		"registration that was not answered":    {func(a *account) { a.Fail("ec2", "RegisterImage", wire.CutLate, 1) }, true},
		"registration that was not carried out": {func(a *account) { a.Fail("ec2", "RegisterImage", wire.Cut, 1) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, false)
			test.change(&a)

			got, err := a.AMI(t.Context(), publish.Request{Image: a.image, Base: a.base})
			if err != nil {
				t.Fatal(err)
			}
			a.holds(t, got.Snapshot)

			if (got.Parent != "") != test.parent || len(a.EC2.AMIs()) != 1 {
				t.Errorf("got %+v of %d AMIs", got, len(a.EC2.AMIs()))
			}
			if n := a.Calls("ebs", "PutSnapshotBlock"); !test.parent && n != 3 {
				t.Errorf("%d blocks were sent, and 3 hold data", n)
			}
		})
	}
}

func TestEncryptedParentIsKept(t *testing.T) {
	t.Parallel()
	a := newAccount(t, true)
	a.EBS.EncryptByDefault(true)

	got, err := a.AMI(t.Context(), publish.Request{Image: a.image, Base: a.base})
	if err != nil || got.Parent != a.base.Snapshot {
		t.Fatalf("got %+v, %v", got, err)
	}
	if made, _ := a.EBS.Snapshot(got.Snapshot); !made.Encrypted {
		t.Error("the snapshot is not encrypted")
	}

	a.holds(t, got.Snapshot)
}

func TestWhatIsBilledIsRefused(t *testing.T) {
	t.Parallel()
	a := newAccount(t, false)
	for _, platform := range []string{"Red Hat Enterprise Linux", "SUSE Linux", "Windows", "SQL Server Standard"} {
		a.base.AMI.Platform = platform
		_, err := a.AMI(t.Context(), publish.Request{Image: a.image, Base: a.base})
		if billed := (*publish.BilledError)(nil); !errors.As(err, &billed) || !strings.Contains(err.Error(), "image-builder deploy") {
			t.Errorf("%s: %v", platform, err)
		}
	}

	a.base.AMI.Platform = "Linux/UNIX"
	a.base.AMI.ProductCodes = []string{"abc"}
	if _, err := a.AMI(t.Context(), publish.Request{Image: a.image, Base: a.base}); err == nil || !strings.Contains(err.Error(), "abc") {
		t.Errorf("product codes: %v", err)
	}
	a.image.Failed = "step 3 failed"
	if _, err := a.AMI(t.Context(), publish.Request{Image: a.image}); err == nil || fault.HintOf(err) != "bake it again" {
		t.Errorf("failed bake: %v", err)
	}

	if n := a.Calls("ebs", "StartSnapshot"); n != 0 {
		t.Errorf("%d snapshots were begun", n)
	}
}

func TestNameThatIsTaken(t *testing.T) {
	t.Parallel()
	a := newAccount(t, false)
	a.EC2.AddAMI(ec2.AMI{Name: "mine"})
	_, err := a.AMI(t.Context(), publish.Request{Image: a.image, Base: a.base, Name: "mine"})
	if err == nil || !strings.Contains(err.Error(), "choose another name") || fault.ClassOf(err) != fault.NotUsable {
		t.Fatal(err)
	}
}
