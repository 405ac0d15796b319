#!/bin/sh
# Gives a raw disk a root partition that fills it: a Linux system that a bake runs in, with the files of a directory in /srv.
# The directory is moved away.
# usage: root.sh DISK DIRECTORY
set -eu
disk=$1 files=$2
tree=$(mktemp -d "$disk.XXXXXX")
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"
mkdir -p "$tree/etc" "$tree/usr/bin" "$tree/usr/lib" "$tree/usr/lib64" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/run" "$tree/tmp" "$tree/var/tmp" "$tree/root"
ln -s usr/bin "$tree/bin"
ln -s usr/lib "$tree/lib"
ln -s usr/lib64 "$tree/lib64"
ln -s bash "$tree/usr/bin/sh"
for program in bash chmod dd env findmnt getent mkdir mount mountpoint rm rmdir umount; do
  path=$(command -v $program)
  cp -L "$path" "$tree/usr/bin/"
  for library in $(ldd "$path" | grep -o '/[^ ]*'); do
    mkdir -p "$tree/usr/${library%/*}"
    cp -L "$library" "$tree$library"
  done
done
echo 'ID=debian' >"$tree/etc/os-release"
mv "$files" "$tree/srv"

sectors=$(($(stat -c %s "$disk") / 512 - 4096)) # the partition tables are before and behind it
printf 'label: gpt\nstart=2048, size=%s, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n' $sectors | sfdisk --quiet "$disk"
mkfs.ext4 -q -F -E offset=1048576 -d "$tree" "$disk" $((sectors / 2))k
