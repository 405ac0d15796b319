package basetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"image-builder/internal/disk"
)

// unneeded are modules that udev loads for what QEMU's processor and board can do.
const unneeded = "kvm,kvm_amd,aesni_intel,ghash_clmulni_intel,crct10dif_pclmul,crc32_pclmul,cryptd,powernow_k8,evdev,serio_raw,pcspkr,psmouse"

// QuickBoot changes a Debian base, whose root is mounted there, so that it boots in half the time in software emulation.
// It leaves out mitigations, self-tests, units, generators, devices and kernel modules that a test does not look at, what
// a first boot sets up, and cloud-init.
func QuickBoot(root string) error {
	err := errors.Join(quickGrub(filepath.Join(root, "boot")), fewDevices(filepath.Join(root, "etc/systemd/system")))
	for name, text := range map[string]string{
		"etc/machine-id": "0123456789abcdef0123456789abcdef\n", "etc/cloud/cloud-init.disabled": "",
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(root, name), []byte(text), 0o444))
	}

	generators := filepath.Join(root, "etc/systemd/system-generators")
	err = errors.Join(err, os.MkdirAll(generators, 0o755))
	for _, name := range []string{
		"cloud-init", "systemd-cryptsetup", "systemd-debug", "systemd-gpt-auto", "systemd-hibernate-resume", "systemd-integritysetup",
		"systemd-rc-local", "systemd-run", "systemd-system-update", "systemd-sysv", "systemd-veritysetup",
	} {
		err = errors.Join(err, os.Symlink("/dev/null", filepath.Join(generators, name+"-generator")))
	}

	for _, unit := range []string{
		"modprobe@configfs.service", "modprobe@dm_mod.service", "modprobe@drm.service", "modprobe@efi_pstore.service",
		"modprobe@fuse.service", "modprobe@loop.service", "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount",
		"systemd-resolved.service", "systemd-random-seed.service", "systemd-sysctl.service", "systemd-update-utmp.service",
		"e2scrub_reap.service", "ssh.service", "systemd-logind.service",
	} {
		err = errors.Join(err, os.Symlink("/dev/null", filepath.Join(root, "etc/systemd/system", unit)))
	}

	return err
}

// Quick returns a raw disk of the test's own that boots Debian quickly, after these changes to its mounted root.
func Quick(tb testing.TB, changes ...func(root string) error) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "disk.raw")
	if err := disk.Clone(tb.Context(), path, Debian(tb).Disk, nil); err != nil {
		tb.Fatal(err)
	}
	for _, change := range append([]func(string) error{QuickBoot}, changes...) {
		Change(tb, path, change)
	}

	return path
}

// Change changes the root of a raw disk, which is mounted meanwhile.
func Change(tb testing.TB, path string, change func(root string) error) {
	tb.Helper()
	dir := tb.TempDir()
	mount, err := disk.Open(tb.Context(), path, dir)
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(change(dir), mount.Close(tb.Context())); err != nil {
		tb.Fatal(err)
	}
}

// quickGrub gives the kernel a command line and a second initramfs, whose file takes the place of the first one's.
func quickGrub(boot string) error {
	file := filepath.Join(boot, "grub/grub.cfg")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}

	linux := "$0 mitigations=off loglevel=1 cryptomgr.notests systemd.show_status=0 module_blacklist=" + unneeded
	text = regexp.MustCompile(`(?m)^linux .*$`).ReplaceAll(text, []byte(linux))
	text = regexp.MustCompile(`(?m)^initrd .*$`).ReplaceAll(text, []byte("$0 /boot/quick.img"))

	return errors.Join(os.WriteFile(file, text, 0o644), os.WriteFile(filepath.Join(boot, "quick.img"), archive("scripts/init-top/udev", quickInit), 0o644))
}

// quickInit is what the initramfs does instead of starting udev, which would look at each device of the machine.
const quickInit = "#!/bin/sh\n[ \"$1\" = prereqs ] || modprobe -a virtio_pci virtio_blk ext4\n"

// archive is a cpio archive of one program. https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
func archive(name, program string) []byte {
	var text strings.Builder
	add := func(name string, mode int, content string) {
		fmt.Fprintf(&text, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name)
		text.WriteString(strings.Repeat("\x00", -text.Len()&3))
		text.WriteString(content)
		text.WriteString(strings.Repeat("\x00", -text.Len()&3))
	}
	add(name, 0o100755, program)
	add("TRAILER!!!", 0, "")

	return []byte(text.String())
}

// fewDevices lets udev set up the devices that a virtual machine of this program uses, not all of the board.
func fewDevices(units string) error {
	dir := filepath.Join(units, "systemd-udev-trigger.service.d")
	text := `[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=block --subsystem-match=net --subsystem-match=virtio --subsystem-match=virtio-ports
ExecStart=udevadm trigger --action=add --subsystem-match=tty --sysname-match=ttyS0
`
	return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "few.conf"), []byte(text), 0o644))
}
