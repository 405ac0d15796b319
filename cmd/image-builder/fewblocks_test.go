package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"image-builder/internal/base/basetest"
	"image-builder/internal/disk"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/nspawn"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
)

// blockSize is that of EBS, in bytes.
const blockSize = 512 << 10

// smallPackage installs a package of 40 kB without a network.
const smallPackage = `cd /tmp; mkdir -p p/DEBIAN p/usr/bin p/usr/share/doc/small
printf 'Package: small\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: small\n' >p/DEBIAN/control
head -c 40000 /dev/urandom >p/usr/bin/small; echo nobody >p/usr/share/doc/small/copyright
dpkg-deb -b p small.deb; dpkg -i small.deb`

// largeMirror mirrors a repository of 100 MB.
const largeMirror = `mkdir /tmp/source; cd /tmp/source; git init -q .; git config core.compression 0
for i in {1..100}; do head -c 1000000 /dev/urandom >$i; done; git add .
git -c user.name=a -c user.email=a@example.com commit -qm large
git clone -q --mirror --no-local . /var/lib/buildkite-agent/git-mirrors/large`

// Few blocks stay few, on AMIs that booted before, and whose free space holds what was deleted there.
func TestFewBlocksChange(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		disk           func(b builder) string
		null, packaged int64
	}{
		// the superblock; how many blocks a package changes depends on where its directories lie
		"ext4": {func(b builder) string { return basetest.Debian(b.t).Disk }, 1, 20},
		// the superblock, and the head of the log; each of the four allocation groups has its own structures, and it depends
		// on the base how many of them the package's directories lie in
		"xfs": {amazonLinux, 2, 24},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := emptyBuilder(t)
			cloud := testbed.Start(t)
			b.env = cloud.Env()
			ami, err := cloud.AddDiskAMI(ec2.AMI{Name: name, BootMode: "uefi-preferred"}, bootedBefore(b, test.disk(b)))
			if err != nil {
				t.Fatal(err)
			}

			if got := b.blocks(ami, "true"); got.Blocks > test.null {
				t.Errorf("a bake that does nothing changes %d blocks, want at most %d: %+v", got.Blocks, test.null, got.Costs)
			}
			if got := b.blocks(ami, smallPackage); got.Blocks > test.packaged {
				t.Errorf("a small package changes %d blocks, want at most %d: %+v", got.Blocks, test.packaged, got.Costs)
			}

			filled := int64(100e6+blockSize-1) / blockSize
			if got := b.blocks(ami, largeMirror); got.Blocks < filled || got.Blocks*10 > filled*11 {
				t.Errorf("a mirror of 100 MB changes %d blocks, and its bytes fill %d: %+v", got.Blocks, filled, got.Costs)
			}
			b.checkHostClean()
		})
	}
}

// differing is what image show --blocks --json reports.
type differing struct {
	Blocks int64 `json:"blocks"`
	Costs  []struct {
		What   string `json:"what"`
		Blocks int64  `json:"blocks"`
	} `json:"costs"`
}

// blocks bakes a script and returns what changed: as many blocks as publish would send.
func (b builder) blocks(base, script string) differing {
	b.t.Helper()
	id := b.run("bake", b.script(script), "--base", base)
	var shown struct {
		Differs differing `json:"differs"`
	}
	if err := json.Unmarshal([]byte(b.run("--json", "image", "show", id, "--blocks")), &shown); err != nil {
		b.t.Fatal(err)
	}

	var plan struct {
		Parent string `json:"parent"`
		Blocks int64  `json:"blocks"`
	}
	if err := json.Unmarshal([]byte(b.run("--json", "publish", id, "--plan")), &plan); err != nil {
		b.t.Fatal(err)
	}
	if plan.Blocks != shown.Differs.Blocks || plan.Parent == "" {
		b.t.Errorf("publish would send %d blocks beside the parent %q, and %d differ", plan.Blocks, plan.Parent, shown.Differs.Blocks)
	}

	return shown.Differs
}

// amazonLinux is the Debian tree on a disk that is laid out like Amazon Linux's: an xfs root as partition 1, behind the
// partitions 127 and 128.
func amazonLinux(b builder) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "amazon.raw")
	script := `set -e
truncate -s 3G "$2"
sfdisk -q "$2" <<'END'
label: gpt
unit: sectors
1: start=24576, type=linux, name=Linux
127: start=22528, size=2048, type=21686148-6449-6E6F-744E-656564454649, name="BIOS Boot Partition"
128: start=2048, size=20480, type=uefi, name="EFI System Partition"
END
read -r from <<<"$(partx -g -b -o START "$1" | tail -1)"
read -r sectors <<<"$(partx -g -b -o SECTORS --nr 1 "$2")"
mkdir -p "$3/from" "$3/to"
mount -o "ro,loop,offset=$((from*512))" "$1" "$3/from"
device=$(losetup --show -f -o $((24576*512)) --sizelimit $((sectors*512)) "$2"); trap 'losetup -d "$device"' EXIT
mkfs.xfs -q "$device"
mount "$device" "$3/to"
cp -a "$3/from/." "$3/to/"
umount "$3/from" "$3/to"`

	command := exec.Command("unshare", "--mount", "bash", "-c", script, "bash", basetest.Debian(b.t).Disk, path, b.t.TempDir())
	if out, err := command.CombinedOutput(); err != nil {
		b.t.Fatalf("make disk: %v\n%s", err, out)
	}

	return path
}

// bootedBefore is a copy of a disk that booted twice and kept the journals of its services; then files of 30 MB were
// deleted, whose bytes stay in its free space.
func bootedBefore(b builder, path string) string {
	b.t.Helper()
	booted := filepath.Join(b.t.TempDir(), "booted.raw")
	if err := disk.Clone(b.t.Context(), booted, path, nil); err != nil {
		b.t.Fatal(err)
	}

	m, err := nspawn.Boot(b.t.Context(), nspawn.BootConfig{Config: nspawn.Config{Disk: booted, WorkDir: b.t.TempDir()}, Program: b.path})
	if err != nil {
		b.t.Fatal(err)
	}
	err = m.Run(b.t.Context(), sandbox.Command{Args: []string{"/bin/sh", "-euc", "mkdir -p /var/log/journal; systemctl start systemd-journald; journalctl --flush"}, Stdout: os.Stderr, Stderr: os.Stderr})
	if err == nil {
		err = m.Reboot(b.t.Context())
	}
	if stopErr := m.Stop(context.WithoutCancel(b.t.Context())); err != nil || stopErr != nil {
		b.t.Fatal(err, stopErr)
	}

	root, err := disk.Root(booted)
	if err != nil {
		b.t.Fatal(err)
	}
	script := `set -e; mount -o "loop,offset=$3,nodiscard" "$1" "$2"; test -n "$(ls "$2/var/log/journal")"
head -c 30000000 /dev/urandom >"$2/var/deleted"; sync; rm "$2/var/deleted"; umount "$2"`
	command := exec.Command("unshare", "--mount", "bash", "-c", script, "bash", booted, b.t.TempDir(), strconv.FormatInt(root.Offset, 10))
	if out, err := command.CombinedOutput(); err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}

	return booted
}
