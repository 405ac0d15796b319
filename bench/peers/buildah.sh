#!/bin/sh
# buildah: runs the script in a container of the base's tree and commits a layer. No disk comes out, and none is copied.
set -eu
store() { buildah --root "$WORK/storage" --runroot "$WORK/run" "$@"; }
if [ "$1" = prepare ]; then
	mkdir -p "$WORK/mnt"
	mount -o "ro,loop,offset=$OFFSET,sizelimit=$SIZE,noload" "$BASE" "$WORK/mnt"
	container=$(store from scratch)
	store copy --quiet "$container" "$WORK/mnt" /
	umount "$WORK/mnt"
	store commit --quiet "$container" bench-base
	store rm "$container"
	exit
fi
container=$(store from --pull-never bench-base)
trap 'store rm "$container" >/dev/null' EXIT
store run --isolation chroot --network host --volume "$SECRETS:/tmp/secrets" --volume "$SCRIPT:/run/script:ro" "$container" sh /run/script
store commit --quiet "$container" bench-out
