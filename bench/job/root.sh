#!/bin/sh
# Gives a raw disk a partition table and a root partition of 16 MiB, so that it is the disk of a Linux system.
# usage: root.sh DISK
set -eu
disk=$1
tree=$(mktemp -d "$disk.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/etc" "$tree/usr/bin"
cp /usr/bin/env "$tree/usr/bin/env"
echo 'ID=debian' >"$tree/etc/os-release"
printf 'label: gpt\nstart=2048, size=32768, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n' | sfdisk --quiet "$disk"
mkfs.ext4 -q -F -E offset=1048576 -d "$tree" "$disk" 16M
