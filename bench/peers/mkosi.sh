#!/bin/sh
# mkosi 14: builds the whole image from packages; --incremental keeps the tree before the script for the next round.
# The script runs as the post-installation script, the secrets come as an extra tree and are deleted at the end.
set -eu
[ "$1" = run ] || exit 0
cd "$WORK"
rm -rf extra && mkdir -p extra/opt/job cache
cp -r "$SECRETS" extra/opt/job/secrets
cp "$SCRIPT" extra/opt/job/script
cat >after <<'END'
#!/bin/sh
set -e
[ "$1" = final ] || exit 0
id buildkite-agent >/dev/null 2>&1 || useradd --system --create-home --home-dir /var/lib/buildkite-agent buildkite-agent
cp -r /opt/job/secrets /tmp/secrets
sh /opt/job/script
rm -rf /tmp/secrets /opt/job
END
chmod +x after
mkosi --distribution debian --release bookworm --format gpt_ext4 --bootable no --package git,ca-certificates \
	--extra-tree extra --postinst-script after --with-network yes --nspawn-keep-unit --cache cache \
	--incremental --force --output "$OUT" build
