package base

import (
	"fmt"
	"os"

	"image-builder/internal/disk"
)

// vendor holds the differences between the distributions that can be built.
type vendor struct {
	components string // of the archive, separated by blanks
	packages   string // besides contents, each followed by a comma
	kernel     string // package; "" for the platform's
	hook       string // shell command that runs before the kernel is installed; $1 is the tree
	sh         string // program that `sh` is, as on the AMIs that the base stands in for; "" for the distribution's own
	keyring    string // file with the keys that sign the archive
	source     string // package that has the keyring, on Debian and on Ubuntu
}

func vendorOf(name string) (vendor, error) {
	switch name {
	case "debian":
		return vendor{
			components: "main", keyring: "/usr/share/keyrings/debian-archive-keyring.gpg", source: "debian-archive-keyring",
			sh: "bash", // Debian stands in for Amazon Linux, whose sh is bash
		}, nil

	case "ubuntu":
		// git-lfs, nvme-cli and pigz are in universe; Ubuntu's kernel only recommends what makes an initrd, and puts the
		// links to itself into /boot unless it is told to put them into /, where Debian's are
		return vendor{
			components: "main universe", packages: "initramfs-tools,", kernel: "linux-image-virtual",
			hook:    `printf 'image_dest = /\ndo_symlinks = yes\nlink_in_boot = no\n' >"$1/etc/kernel-img.conf"`,
			keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg", source: "ubuntu-keyring (Debian 12 has it in bookworm-backports)",
		}, nil
	}

	return vendor{}, fmt.Errorf("build base: %q is not a distribution that can be built: write debian:bookworm or ubuntu:noble", name)
}

// checkKeyring returns a disk.Missing if this machine lacks the keys that sign the vendor's archive.
func (v vendor) checkKeyring() error {
	if _, err := os.Stat(v.keyring); err != nil {
		return &disk.Missing{Program: v.keyring, Package: v.source}
	}
	return nil
}
