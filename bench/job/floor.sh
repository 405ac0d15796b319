#!/bin/sh
# The floor: a bake's steps by hand and nothing else. Copy the base, attach its root partition by offset, mount it, run
# the script in systemd-nspawn with the secrets in memory, unmount.
# usage: floor.sh BASE OUT OFFSET SIZE SCRIPT SECRETS    (offset and size of the root partition in bytes)
set -eu
base=$1 out=$2 offset=$3 size=$4 script=$5 secrets=$6
dir=$(mktemp -d "$out.XXXXXX")
shown=$(mktemp -d /dev/shm/floor.XXXXXX)
trap 'umount -q "$dir" || true; rmdir "$dir"; rm -rf "$shown"' EXIT
trap 'exit 130' INT TERM
cp --reflink=auto --sparse=auto "$base" "$out"
loop=$(losetup --find --show --offset "$offset" --sizelimit "$size" "$out")
mount -o discard "$loop" "$dir" || { losetup --detach "$loop"; exit 1; }
losetup --detach "$loop" # takes effect when the last user goes
cp -r "$secrets/." "$shown"
systemd-nspawn --quiet --register=no --keep-unit --directory="$dir" --resolv-conf=bind-host --console=pipe \
	--bind="$shown:/tmp/secrets" --bind-ro="$script:/run/script" /bin/sh /run/script </dev/null
umount "$dir"
