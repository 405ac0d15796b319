#!/bin/sh
# The git-mirror job: mirror a repository, give it to the agent's user, verify it. URL and COMMITS are put in before.
set -eu
mirror=/var/lib/buildkite-agent/git-mirrors/bench
mkdir -p "${mirror%/*}"
git clone --quiet --mirror -- '@URL@' "$mirror"
chown -R buildkite-agent:buildkite-agent "$mirror"
test "$(git -c safe.directory='*' -C "$mirror" rev-list --count refs/heads/main)" = '@COMMITS@'
test "$(stat -c %U "$mirror/HEAD")" = buildkite-agent
