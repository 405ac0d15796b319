package base

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed" // customize.sh
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// DefaultSize is the size of a built disk, in bytes. The disk is sparse: free space takes no room.
const DefaultSize = 3 << 30

// minSize is enough for the partitions before the root, and for an ext4 that holds a system.
const minSize = 1 << 30

//go:embed customize.sh
var customize string

// contents are a base's packages besides the kernel and the boot loader.
const contents = "systemd-sysv,systemd-resolved,libpam-systemd,dbus,udev,kmod,iproute2,iputils-ping,netbase," +
	"openssh-client,openssh-server,git,git-lfs,ca-certificates,curl,wget,jq,sudo,unzip,zip,xz-utils,pigz,gnupg,less," +
	"procps,lsof,python3,cloud-init,cloud-guest-utils,e2fsprogs,fdisk,nvme-cli,tzdata,rsync"

// ext4Config fixes mke2fs's features, whatever this machine's own configuration says, to those that GRUB and the
// kernel of every supported release can read.
const ext4Config = `[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
inode_size = 256
inode_ratio = 16384
[fs_types]
ext4 = {
	features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
}
`

// Distribution is a distribution to build.
type Distribution struct {
	image.Distribution

	Mirror string // URL of an archive; "": this machine's sources for the suite, else mmdebstrap's default
	Size   int64  // bytes; 0: DefaultSize
}

// BuildPreflight says what this machine lacks to build a base; each error names the package to install.
func BuildPreflight() error {
	var err error
	if os.Geteuid() != 0 {
		err = errors.New("build base: it needs root: run it as root or with sudo")
	}

	for program, pkg := range map[string]string{"mmdebstrap": "mmdebstrap", "unshare": "util-linux", "mke2fs": "e2fsprogs", "e2fsck": "e2fsprogs"} {
		if _, missing := exec.LookPath(program); missing != nil {
			err = errors.Join(err, &disk.Missing{Program: program, Package: pkg})
		}
	}

	if err != nil {
		return fault.New(fault.BadMachine, err, "")
	}
	return nil
}

// Build makes a bootable disk of a distribution for this machine's architecture: GPT, ESP and BIOS boot partition
// with GRUB, ext4 root with an Elastic CI Stack agent's user, groups and directories. It takes about a minute.
func (m Maker) Build(ctx context.Context, d Distribution) (image.Base, error) {
	v, err := vendorOf(d.Vendor)
	if err != nil {
		return image.Base{}, err
	}
	if _, _, err := image.ParseDistribution(d.String()); err != nil {
		return image.Base{}, fmt.Errorf("build base: %w", err)
	}
	if d.Mirror != "" && hasUser(d.Mirror) {
		return image.Base{}, errors.New("build base: the mirror's address must be a URL without user and password: they would stay in the base; put them into /etc/apt/auth.conf")
	}

	if d.Size == 0 {
		d.Size = DefaultSize
	}

	if d.Size < minSize {
		return image.Base{}, fmt.Errorf("build base: %d bytes is too small for a disk: give it at least 1GiB", d.Size)
	}
	p, err := platformOf(runtime.GOARCH)
	if err != nil {
		return image.Base{}, err
	}

	p.kernel = cmp.Or(v.kernel, p.kernel)
	if err := BuildPreflight(); err != nil {
		return image.Base{}, err
	}

	id := identityOf(d.String())
	if err := m.installTree(ctx, d, id, v, p); err != nil {
		return image.Base{}, err
	}
	if err := m.makeDisk(ctx, d, id, p); err != nil {
		return image.Base{}, err
	}

	return m.finish(ctx, d.String(), "mmdebstrap "+d.Suite)
}

// installTree has mmdebstrap install the packages into a directory.
func (m Maker) installTree(ctx context.Context, d Distribution, id identity, v vendor, p platform) error {
	defer m.Progress.Stage("install packages")()
	args, err := m.aptArguments(ctx, d, v)
	if err != nil {
		return err
	}

	if v.hook != "" {
		args = append([]string{"--essential-hook=" + v.hook}, args...)
	}

	script := m.path("customize.sh")
	if err := errors.Join(os.WriteFile(script, []byte(customize), 0o700), os.Mkdir(m.path("tmp"), 0o700)); err != nil {
		return fmt.Errorf("build base: %w", err)
	}

	packages := strings.Join([]string{contents, p.kernel, "grub-common", p.grub, p.grubBIO}, ",")
	// the mounts and processes of a build live in namespaces that end with it, also when this process is killed; what is
	// unmounted outside must go inside too, or it would stay in use for as long as this takes
	args = append([]string{
		"--mount", "--propagation", "slave", "--pid", "--fork", "--mount-proc", "--kill-child", "mmdebstrap", "--mode=root", "--variant=minbase",
		"--format=directory", "--include=" + strings.TrimSuffix(v.packages+packages, ","),
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright",
		`--customize-hook="$IMAGE_BUILDER_CUSTOMIZE" "$1"`,
	}, args...)

	env := append(os.Environ(), "TMPDIR="+m.path("tmp"), "LC_ALL=C", "IMAGE_BUILDER_CUSTOMIZE="+script,
		"ROOT_UUID="+id.filesystem.String(), "ROOT_PARTUUID="+id.root.String(), "BOOT="+m.path("boot"),
		"EFI="+p.efi, "BIOS="+p.bios, "CONSOLE="+p.console, "SH="+v.sh)
	if err := m.run(ctx, env, "unshare", args...); err != nil {
		return fmt.Errorf("build base %s: %w", d, explainArchive(err, v))
	}

	return nil
}

// makeDisk turns the tree and the boot images into a disk, and removes them.
func (m Maker) makeDisk(ctx context.Context, d Distribution, id identity, p platform) error {
	defer m.Progress.Stage("make disk")()
	path := m.path(diskFile)
	config := m.path("mke2fs.conf")
	if err := divide(path, d.Size, id, p); err != nil {
		return err
	}
	if err := os.WriteFile(config, []byte(ext4Config), 0o600); err != nil {
		return fmt.Errorf("make root filesystem: %w", err)
	}

	blocks := (d.Size - rest - rootStart) / 4096
	err := m.run(ctx, append(os.Environ(), "LC_ALL=C", "MKE2FS_CONFIG="+config), "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096",
		"-L", "root", "-U", id.filesystem.String(), "-d", m.path("tree"),
		"-E", fmt.Sprintf("offset=%d,hash_seed=%s,lazy_itable_init=0,lazy_journal_init=0", rootStart, id.filesystem), path, fmt.Sprint(blocks))
	if err != nil {
		return fmt.Errorf("make root filesystem of %d bytes: %w", d.Size, err)
	}
	if err := installUEFI(path, m.path("boot"), p); err != nil {
		return err
	}

	if p.bios != "" {
		if err := installBIOS(path, m.path("boot")); err != nil {
			return err
		}
	}

	if err := disk.Check(ctx, path); err != nil {
		return err
	}

	for _, part := range []string{"tree", "boot", "tmp", "customize.sh", "mke2fs.conf", "apt.conf"} {
		err = errors.Join(err, os.RemoveAll(m.path(part)))
	}

	return err
}

// BuildDigest identifies what a build yields. It changes with everything that Build puts into the disk, except the
// archive's current packages. Hexadecimal.
func BuildDigest(d Distribution) string {
	v, _ := vendorOf(d.Vendor) // an impossible build has a digest too
	sum := sha256.New()
	fmt.Fprintln(sum, customize, contents+v.packages+v.kernel+v.hook+v.sh, ext4Config, d.Suite, d.Mirror, d.Size, biosStart, espStart, rootStart, rest)
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
