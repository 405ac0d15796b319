package base_test

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"image-builder/internal/base/basetest"
	"image-builder/internal/disk"
	"image-builder/internal/image"
)

func TestDebianIsWhatABakeNeeds(t *testing.T) {
	t.Parallel()
	made := basetest.Debian(t)
	if made.OS == "" || made.Filesystem != disk.Ext4 || !slices.Contains(made.Firmware, image.UEFI) {
		t.Errorf("got %+v", made)
	}
	if made.Size != 3<<30 || made.Data > 900<<20 || made.Data < 100<<20 {
		t.Errorf("size %d, data %d", made.Size, made.Data)
	}
}

func TestDebianIsAnAgentOfTheStack(t *testing.T) {
	t.Parallel()
	err := disk.Inspect(t.Context(), basetest.Debian(t).Disk, func(tree *os.Root) error {
		passwd, err := tree.ReadFile("etc/passwd")
		if err != nil || !strings.Contains(string(passwd), "\nbuildkite-agent:x:2000:2000::/var/lib/buildkite-agent:/bin/bash\n") {
			t.Errorf("no agent user in %s, %v", passwd, err)
		}
		group, err := tree.ReadFile("etc/group")
		if err != nil || !strings.Contains(string(group), "\ndocker:x:990:buildkite-agent\n") {
			t.Errorf("no docker group in %s, %v", group, err)
		}

		for _, dir := range []string{"etc/buildkite-agent/hooks", "var/lib/buildkite-agent", "var/lib/buildkite-agent/git-mirrors", "var/lib/buildkite-agent/builds", "var/lib/buildkite-agent/plugins"} {
			info, err := tree.Stat(dir)
			if err != nil || info.Sys().(*syscall.Stat_t).Uid != 2000 || info.Sys().(*syscall.Stat_t).Gid != 2000 {
				t.Errorf("%s: %+v, %v", dir, info, err)
			}
		}

		for _, program := range []string{"usr/bin/git", "usr/bin/ssh", "usr/bin/cloud-init", "usr/bin/jq", "usr/bin/curl", "usr/bin/sudo", "vmlinuz", "initrd.img", "boot/grub/grub.cfg"} {
			if _, err := tree.Stat(program); err != nil {
				t.Error(err)
			}
		}

		if sh, err := tree.Readlink("usr/bin/sh"); err != nil || sh != "bash" {
			t.Errorf("sh is %q, %v, want bash", sh, err)
		}

		if id, err := tree.ReadFile("etc/machine-id"); err == nil && len(id) > len("uninitialized\n") {
			t.Errorf("every machine would have the ID %s", id)
		}

		for _, left := range []string{"etc/apt/apt.conf.d/99mmdebstrap", "etc/ssh/ssh_host_ed25519_key", "tmp/early.cfg"} {
			if _, err := tree.Stat(left); err == nil {
				t.Errorf("%s was left in the base", left)
			}
		}

		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
