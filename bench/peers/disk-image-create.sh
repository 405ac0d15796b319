#!/bin/bash
# diskimage-builder: an element unpacks the base's tree, the script runs in install.d, a new disk is made of the result.
set -euo pipefail
if [ "$1" = prepare ]; then
	mkdir -p "$WORK/mnt" "$WORK/elements/bench"/{root.d,extra-data.d,install.d,environment.d} "$WORK/tmp"
	mount -o "ro,loop,offset=$OFFSET,sizelimit=$SIZE,noload" "$BASE" "$WORK/mnt"
	tar --numeric-owner --exclude=./lost+found -cf "$WORK/tree.tar" -C "$WORK/mnt" .
	umount "$WORK/mnt"
	cd "$WORK/elements/bench"
	echo operating-system >element-provides
	printf 'export DISTRO_NAME=debian DIB_RELEASE=bookworm\n' >environment.d/10-distro
	printf '#!/bin/bash\nset -e\ntar -C "$TARGET_ROOT" --numeric-owner -xpf "%s"\n' "$WORK/tree.tar" >root.d/10-tree
	printf '#!/bin/bash\nset -e\ncp -r "$BENCH_JOB" "$TMP_HOOKS_PATH/job"\n' >extra-data.d/10-job
	printf '#!/bin/bash\nset -e\ncp -r /tmp/in_target.d/job/secrets /tmp/secrets\nsh /tmp/in_target.d/job/script\nrm -rf /tmp/secrets\n' >install.d/50-job
	chmod +x root.d/* extra-data.d/* install.d/*
	exit
fi
rm -rf "$WORK/job" && mkdir "$WORK/job"
cp -r "$SECRETS" "$WORK/job/secrets"
cp "$SCRIPT" "$WORK/job/script"
BENCH_JOB="$WORK/job" ELEMENTS_PATH="$WORK/elements" TMP_DIR="$WORK/tmp" DIB_RELEASE=bookworm \
	disk-image-create -n -u -t raw --image-cache "$WORK/cache" -o "${OUT%.raw}" bench
