#!/bin/sh
# Makes a Debian tree ($1) an Elastic CI Stack agent's: its user, groups and directories, cloud-init, network, serial
# console, boot files. Runs on this machine as root before the tree becomes a disk. From the environment: ROOT_UUID and
# ROOT_PARTUUID (of the root filesystem and its partition), BOOT (directory that receives the boot loader images),
# EFI and BIOS (GRUB's platforms; BIOS may be empty), CONSOLE (serial device), SH (program that `sh` is; empty for the
# distribution's own).
set -eu
root=$1
in_root() { chroot "$root" "$@"; }

# An administrator's diversion keeps dash's package from taking its file back when it is upgraded. Debian 12's dash has
# a diversion of its own, which would be in the way.
if [ -n "$SH" ]; then
	sh=$(in_root dpkg-query --listfiles dash | grep -m 1 '/sh$')
	in_root dpkg-divert --quiet --package dash --no-rename --remove "$sh"
	in_root dpkg-divert --quiet --local --no-rename --divert "$sh.distrib" --add "$sh"
	ln -sf "$SH" "$root$sh"
fi

# The agent's user and directories as the stack's AMI has them. A fixed docker group, so that what a daemon with
# user-namespace remapping stores is found again.
in_root groupadd --system --gid 990 docker
in_root groupadd --gid 2000 buildkite-agent
in_root useradd --uid 2000 --gid 2000 --groups docker --home-dir /var/lib/buildkite-agent --create-home \
	--shell /bin/bash buildkite-agent
for dir in /etc/buildkite-agent /etc/buildkite-agent/hooks /var/lib/buildkite-agent/builds \
	/var/lib/buildkite-agent/git-mirrors /var/lib/buildkite-agent/plugins; do
	in_root install -d -o buildkite-agent -g buildkite-agent "$dir"
done

printf '%s\n' "PARTUUID=$ROOT_PARTUUID / ext4 defaults,errors=remount-ro 0 1" >"$root/etc/fstab"
echo image-builder >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\timage-builder\n::1\tlocalhost ip6-localhost\n' >"$root/etc/hosts"

# Any Ethernet card gets an address; a datasource's network configuration has a lower number and wins.
mkdir -p "$root/etc/systemd/network"
printf '[Match]\nType=ether\n\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/80-ethernet.network"
in_root systemctl --quiet enable systemd-networkd systemd-resolved "serial-getty@$CONSOLE"
in_root systemctl --quiet disable systemd-networkd-wait-online nvmf-autoconnect
echo 'datasource_list: [ NoCloud, Ec2 ]' >"$root/etc/cloud/cloud.cfg.d/90-datasources.cfg"

# Every machine makes its own host keys and machine ID.
rm -f "$root"/etc/ssh/ssh_host_*
mkdir -p "$root/etc/systemd/system/ssh.service.d"
printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' \
	>"$root/etc/systemd/system/ssh.service.d/host-keys.conf"

# GRUB reads kernel and initrd from the root filesystem through Debian's /vmlinuz and /initrd.img links, so a kernel
# that a bake installs is the one that boots, with no boot partition to be kept in step.
mkdir -p "$root/boot/grub" "$BOOT"
cat >"$root/boot/grub/grub.cfg" <<CFG
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
linux /vmlinuz root=PARTUUID=$ROOT_PARTUUID ro console=tty0 console=$CONSOLE,115200 nvme_core.io_timeout=4294967295
initrd /initrd.img
boot
CFG
cat >"$root/tmp/early.cfg" <<CFG
search.fs_uuid $ROOT_UUID root
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
CFG
modules="part_gpt ext2 search search_fs_uuid normal configfile linux boot echo ls cat test serial terminal gzio"
in_root grub-mkimage -O "$EFI" -o /tmp/grub.efi -c /tmp/early.cfg -p /boot/grub $modules efi_gop
mv "$root/tmp/grub.efi" "$BOOT/grub.efi"
if [ -n "$BIOS" ]; then
	in_root grub-mkimage -O "$BIOS" -o /tmp/core.img -c /tmp/early.cfg -p /boot/grub $modules biosdisk
	mv "$root/tmp/core.img" "$BOOT/core.img"
	cp "$root/usr/lib/grub/$BIOS/boot.img" "$BOOT/boot.img"
fi
rm -f "$root/tmp/early.cfg"
