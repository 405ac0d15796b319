#!/bin/sh
# virt-customize: copies the disk, boots a small machine on the copy and runs the script in it. The secrets are copied
# in and deleted afterwards. Seen from the machine, the host's loopback is 169.254.2.2.
set -eu
[ "$1" = run ] || exit 0
export LIBGUESTFS_BACKEND=direct
rm -rf "$WORK/secrets" && cp -r "$SECRETS" "$WORK/secrets"
sed 's/127\.0\.0\.1/169.254.2.2/' "$SCRIPT" >"$WORK/script"
cp --reflink=auto --sparse=auto "$BASE" "$OUT"
virt-customize --quiet --no-logfile --smp "$(nproc)" --memsize 1024 --format raw --add "$OUT" \
	--copy-in "$WORK/secrets:/tmp" --run "$WORK/script" --delete /tmp/secrets
