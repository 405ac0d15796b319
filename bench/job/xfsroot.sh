#!/bin/sh
# A whole-disk xfs with the files of a base's root partition.
# usage: xfsroot.sh BASE OUT OFFSET SIZE    (offset and size of the root partition in bytes)
set -eu
base=$1 out=$2 offset=$3 size=$4
from=$(mktemp -d "$out.from.XXXXXX")
to=$(mktemp -d "$out.to.XXXXXX")
trap 'umount -q "$from" "$to" || true; rmdir "$from" "$to"' EXIT
trap 'exit 130' INT TERM
truncate -s 3G "$out"
mkfs.xfs -q "$out"
mount -o "ro,loop,offset=$offset,sizelimit=$size" "$base" "$from"
mount -o loop "$out" "$to"
cp -a "$from/." "$to"
umount "$from" "$to"
