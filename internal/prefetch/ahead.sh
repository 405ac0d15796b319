#!/bin/sh
# Reads ahead what a boot of this image reads of its root partition, as image-builder saw it when it baked the image.
# It reads and never writes. What is missing, or is not as it was, ends it quietly: a boot needs none of this.
# Usage: ahead [DEVICE [LIST]]. Each line of LIST is a run, in bytes from the partition's start: OFFSET LENGTH.
at_once=8
seconds=120 # at most

device=$1
list=${2:-/usr/lib/image-builder/ahead.list}
for tool in dd xargs timeout; do
	command -v "$tool" >/dev/null || exit 0
done
[ -r "$list" ] || exit 0

# only the shell's own commands: a program has to be loaded first
if [ -z "$device" ]; then
	number=
	while read -r _ _ device_number _ point _; do
		[ "$point" != / ] || number=$device_number
	done </proc/self/mountinfo
	[ -r "/sys/dev/block/$number/uevent" ] || exit 0
	start=0
	[ ! -r "/sys/dev/block/$number/start" ] || read -r start <"/sys/dev/block/$number/start"
	read -r _ word listed <"$list"
	[ "$word $listed" = "start $start" ] || exit 0 # the partition has moved
	while IFS='=' read -r name value; do
		[ "$name" != DEVNAME ] || device=/dev/$value
	done <"/sys/dev/block/$number/uevent"
fi
[ -r "$device" ] || exit 0

while read -r offset length rest; do
	case $offset$length$rest in
	*[!0-9]*) continue ;; # not a run
	esac
	[ -z "$length" ] || [ -n "$rest" ] || echo "skip=$offset count=$length"
done <"$list" | timeout "$seconds" xargs -r -P "$at_once" -n 2 dd "if=$device" of=/dev/null bs=4M iflag=direct,skip_bytes,count_bytes 2>/dev/null
exit 0
