#!/bin/bash
# Mirrors one private repository where the agent looks for it. Runs as root while the image is made; needs, in
# /tmp/secrets, private_ssh_key (a deploy key) and known_hosts (the line of the server, from a source that you trust).
set -euo pipefail

repository=git@github.com:acme/monorepo.git # exactly as the pipeline has it
mirrors=/var/lib/buildkite-agent/git-mirrors

# The agent's name for it: each character that is not an ASCII letter or digit becomes a dash (`image-builder mirror-name`).
mirror=$mirrors/${repository//[^A-Za-z0-9]/-}

# ssh wants a key that only its user can read. /run is memory: the copy never reaches the disk.
key=$(mktemp /run/deploy-key.XXXXXX)
trap 'rm -f "$key"' EXIT
cp /tmp/secrets/private_ssh_key "$key"
export GIT_SSH_COMMAND="ssh -o BatchMode=yes -o IdentitiesOnly=yes -i $key \
  -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/tmp/secrets/known_hosts"

git clone --mirror --template= -- "$repository" "$mirror"
git -C "$mirror" repack -a -d -q
git -C "$mirror" pack-refs --all

# The agent's user fetches into the mirror and puts its lock beside it.
chown -R buildkite-agent:buildkite-agent "$mirrors"

# As that user: everything is there, and git trusts the directory.
runuser -u buildkite-agent -- env HOME=/var/lib/buildkite-agent git -C "$mirror" fsck --connectivity-only --no-progress
runuser -u buildkite-agent -- env HOME=/var/lib/buildkite-agent git -C "$mirror" for-each-ref \
  --format='%(objectname:short) %(refname)' refs/heads refs/tags
