package base

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/aws"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/publish"
	"image-builder/internal/snapshot"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// cloud is an account with a resolver for its AMIs.
type cloud struct {
	*testbed.Cloud
	Resolver
}

func newCloud(tb testing.TB) *cloud {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root: loop devices and mounts")
	}
	account := testbed.Start(tb)
	session := aws.NewSession(account.Config())
	r, store := resolver(tb)
	tb.Cleanup(func() { allowed(tb, account) })
	return &cloud{account, accountOf(r, store, session)}
}

// allowed checks that the policy for a pull allows every call that an account got.
func allowed(tb testing.TB, account *testbed.Cloud) {
	tb.Helper()
	rights := publish.Rights{Base: image.Base{AMI: &image.AMI{}}, Regions: []string{wire.Region}, Parameter: "/base-ami"}
	actions := map[string]bool{}
	for _, statement := range rights.Policy().Statement {
		for _, action := range statement.Action {
			actions[action] = true
		}
	}
	for _, call := range account.Made() {
		if action := strings.Replace(call, ".", ":", 1); !actions[action] {
			tb.Errorf("%s was called, and the policy does not allow it", action)
		}
	}
}

// addAMI makes a public AMI, owned by Buildkite, of a disk.
func (c *cloud) addAMI(tb testing.TB, path string, ami ec2.AMI) string {
	tb.Helper()
	file, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()

	blocks := map[int64][]byte{}
	for extent, err := range disk.Extents(file) {
		if err != nil {
			tb.Fatal(err)
		}
		for index := extent.Offset / snapshot.BlockSize; index*snapshot.BlockSize < extent.Offset+extent.Length; index++ {
			block := make([]byte, snapshot.BlockSize)
			if _, err := file.ReadAt(block, index*snapshot.BlockSize); err != nil && !strings.Contains(err.Error(), "EOF") {
				tb.Fatal(err)
			}
			blocks[index] = block
		}
	}

	ami.Owner = image.Buildkite
	ami.Public = true
	ami.RootSize = 1
	ami.Snapshot, err = c.EBS.AddSnapshot(ebs.Snapshot{Owner: image.Buildkite, Public: true, Size: 1}, blocks)
	if err != nil {
		tb.Fatal(err)
	}

	return c.EC2.AddAMI(ami)
}

// shell runs a script in a directory, with mounts of its own: a process that copied them would keep what was written from the file.
func shell(tb testing.TB, dir, script string) {
	tb.Helper()
	command := exec.CommandContext(tb.Context(), "unshare", "--mount", "sh", "-euc", script)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
}

// layouts are the disks of the AMIs that Elastic CI Stacks use, made with standard tools. root is a tree.
var layouts = map[string]string{
	"Amazon Linux": `truncate -s 1G disk.raw
sfdisk -q disk.raw <<'END'
label: gpt
unit: sectors
first-lba: 34
1: start=24576, type=linux, name=Linux
127: start=22528, size=2048, type=21686148-6449-6E6F-744E-656564454649, name="BIOS Boot Partition"
128: start=2048, size=20480, type=uefi, name="EFI System Partition"
END
truncate -s 900M root.xfs
mkfs.xfs -q root.xfs
mkdir mnt; mount -o loop root.xfs mnt; cp -a root/. mnt; umount mnt
dd if=root.xfs of=disk.raw bs=1M seek=12 conv=notrunc,sparse status=none`,
	"Ubuntu": `truncate -s 1G disk.raw
sfdisk -q disk.raw <<'END'
label: gpt
unit: sectors
14: start=2048, size=8192, type=21686148-6449-6E6F-744E-656564454649
15: start=10240, size=217088, type=uefi
16: start=227328, size=262144, type=BC13C2FF-59E6-4262-A352-B275FD6F7172
1: start=489472, type=linux
END
mke2fs -q -t ext4 -L BOOT -E offset=116391936 disk.raw 128m
mke2fs -q -t ext4 -d root -E offset=250609664 disk.raw 700m`,
	"whole disk": `truncate -s 1G disk.raw
mke2fs -q -F -t ext4 -d root disk.raw 900m`,
}

// laidOut makes a disk and returns its path.
func laidOut(tb testing.TB, layout, text string) string {
	tb.Helper()
	dir := tb.TempDir()
	shell(tb, dir, `mkdir -p root/etc root/usr/bin root/var; cp /usr/bin/env root/usr/bin/env; printf 'ID=test\nPRETTY_NAME="Test 1"\n' >root/etc/os-release; printf '`+text+`' >root/var/text
head -c 3000000 /dev/urandom >root/var/data`)
	shell(tb, dir, layout)
	return filepath.Join(dir, "disk.raw")
}

func TestAMIsOfEveryLayoutBecomeBases(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			path := laidOut(t, layout, name)
			id := c.addAMI(t, path, ec2.AMI{Name: "stack " + name, BootMode: "uefi-preferred", ENA: true, IMDS: "v2.0"})

			got, err := c.Resolve(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			same(t, path, got.Disk)

			if a := got.AMI; got.Name != id || a.BootMode != "uefi-preferred" || !a.ENA || a.IMDS != "v2.0" || a.RootDevice != "/dev/xvda" || got.Region != wire.Region {
				t.Errorf("got %+v of %+v", got, got.AMI)
			}
			if own, ok := c.EBS.Snapshot(got.Snapshot); !ok || own.Owner != wire.Account || own.Tags[SourceTag] == "" {
				t.Errorf("its snapshot %s is not the account's copy: %+v", got.Snapshot, own)
			}

			calls := c.Calls("ebs", "GetSnapshotBlock")
			if again, err := c.Resolve(t.Context(), id); err != nil || again.Disk != got.Disk || c.Calls("ebs", "GetSnapshotBlock") != calls {
				t.Errorf("pulled again: %+v, %v", again, err)
			}
		})
	}
}

// A parameter that names a newer AMI is noticed, and only what differs is transferred.
func TestNewerAMIOfAParameterBringsWhatDiffers(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	path := laidOut(t, layouts["whole disk"], "first")
	old := c.addAMI(t, path, ec2.AMI{Name: "first"})
	c.SSM.Put(ssm.Parameter{Name: "/base-ami", Value: old})

	first, err := c.Resolve(t.Context(), "ssm:/base-ami")
	if err != nil || first.Name != old {
		t.Fatalf("got %+v, %v", first, err)
	}

	shell(t, filepath.Dir(path), `cp --reflink=never --sparse=always disk.raw newer.raw; head -c 600000 /dev/urandom >more; debugfs -w -R "write more more" newer.raw`)
	newer := filepath.Join(filepath.Dir(path), "newer.raw")
	c.SSM.Put(ssm.Parameter{Name: "/base-ami", Value: c.addAMI(t, newer, ec2.AMI{Name: "second"})})

	second, err := c.Resolve(t.Context(), "ssm:/base-ami")
	if err != nil {
		t.Fatal(err)
	}
	same(t, newer, second.Disk)
	same(t, path, first.Disk)
}

func TestAMIsThatAreNotPulled(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	pending := c.EC2.AddAMI(ec2.AMI{State: "pending"})
	for reference, reason := range map[string]string{pending: "is pending", "ami-0123456789abcdef0": "does not exist"} {
		if _, err := c.Resolve(t.Context(), reference); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("got %v, want one that says %q", err, reason)
		}
	}
}

// same compares two disks wherever either holds data; one may be longer.
func same(tb testing.TB, want, got string) {
	tb.Helper()
	a, err := os.Open(want)
	if err != nil {
		tb.Fatal(err)
	}
	defer a.Close()

	b, err := os.Open(got)
	if err != nil {
		tb.Fatal(err)
	}
	defer b.Close()

	for _, file := range []*os.File{a, b} {
		for extent, err := range disk.Extents(file) {
			if err != nil {
				tb.Fatal(err)
			}
			if !bytes.Equal(part(tb, a, extent), part(tb, b, extent)) {
				tb.Errorf("%s and %s differ at %d", want, got, extent.Offset)
			}
		}
	}
}

// part reads a part of a disk; beyond its end there are zeroes.
func part(tb testing.TB, file *os.File, extent disk.Extent) []byte {
	tb.Helper()
	text := make([]byte, extent.Length)
	if _, err := file.ReadAt(text, extent.Offset); err != nil && !errors.Is(err, io.EOF) {
		tb.Fatal(err)
	}
	return text
}
