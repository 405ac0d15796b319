#!/bin/sh
# The small job: leave of an agent's image what a container of it boots, without a kernel, SSH, a network and cloud-init.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get --quiet --yes --allow-remove-essential purge 'linux-image-*' openssh-server cloud-init python3-minimal git grub-common initramfs-tools-core >/dev/null
apt-get --quiet --yes autoremove --purge >/dev/null
systemctl --quiet mask systemd-networkd.service systemd-networkd.socket systemd-resolved.service
rm -rf /boot/initrd.img* /usr/lib/modules /usr/share/doc /usr/share/man /usr/share/locale /var/cache/apt /var/lib/apt/lists
