package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/testbed/gitserver"
)

// original is the script that the README of the first image-builder for Elastic CI Stacks shows. Only host key and
// repository are replaced, and the last command looks at what a mirror has.
const original = `#!/bin/sh

set -xeo pipefail

echo at=init >&2

mkdir -p ~/.ssh
echo "HOST_KEY" >> ~/.ssh/known_hosts

echo at=github-host >&2

# Example of file name munging for a git-mirror
chmod u=rw,go= /tmp/secrets/id_rsa
repository=/var/lib/buildkite-agent/git-mirrors/MIRROR
GIT_SSH_COMMAND='ssh -i /tmp/secrets/id_rsa -o IdentitiesOnly=yes' \
 git clone -v --mirror -- REPOSITORY "${repository}"
chown -R buildkite-agent:buildkite-agent "${repository}"
echo at=cloned >&2

# Verify the repository contents are present
cat "${repository}/HEAD"

echo at=verified >&2
`

// TestOriginalScriptBakesAsPrinted bakes it on a base whose sh is bash, as on Amazon Linux. On one whose sh is dash it
// fails, and lint says so beforehand.
func TestOriginalScriptBakesAsPrinted(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)

	server := gitserver.Serve(t)

	mirror := b.run("mirror-name", server.URL)
	script := filepath.Join(t.TempDir(), "bootstrap.sh")

	text := strings.NewReplacer("HOST_KEY", strings.TrimSpace(string(server.KnownHosts)), "MIRROR", mirror, "REPOSITORY", server.URL).Replace(original)
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	secrets := b.secrets(map[string]string{"id_rsa": string(server.PrivateKey)})

	id := b.run("bake", script, "--base", "debian:bookworm", "--secrets", secrets)

	dash := b.run("bake", b.script(
		`test "$(git -c safe.directory='*' -C /var/lib/buildkite-agent/git-mirrors/`+mirror+` rev-parse main)" = `+server.Commit,
		`test "$(stat -c %a:%U /root/.ssh/known_hosts)" = 644:root`,
		`test -z "$(find / -xdev -name '~*')"`,
		`rm -rf /var/lib/buildkite-agent/git-mirrors/*`,
		`ln -sf dash /usr/bin/sh`,
	), "--base", id)

	if _, code, says := b.try("bake", script, "--base", dash, "--secrets", secrets); code == 0 || !strings.Contains(says, "pipefail") {
		t.Errorf("exit status %d where sh is dash, want a failure that names pipefail:\n%s", code, says)
	}
	if out, _, _ := b.try("lint", script); !strings.Contains(out, "IB412") {
		t.Errorf("lint does not warn of pipefail: %s", out)
	}
}
