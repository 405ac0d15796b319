package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/testbed/gitserver"
)

// TestPrivateRepositoryIsMirroredAndTheImageBoots walks the main road: the example's script mirrors a private repository
// over SSH with a deploy key from the secrets; the disk is searched, published, looked into and booted.
func TestPrivateRepositoryIsMirroredAndTheImageBoots(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)

	server := gitserver.Serve(t)

	secrets := b.secrets(map[string]string{
		"private_ssh_key": string(server.PrivateKey),
		"known_hosts":     string(server.KnownHosts),
	})

	id := b.run("bake", exampleScript(t, server.URL), "--base", "debian:bookworm", "--secrets", secrets, "--output", "/buildkite/agent-ami")

	look := b.script(
		`mirror=/var/lib/buildkite-agent/git-mirrors/`+b.run("mirror-name", server.URL),
		`test "$(git -c safe.directory='*' -C "$mirror" rev-parse main)" = `+server.Commit,
		`test "$(stat -c %U:%G "$mirror/HEAD")" = buildkite-agent:buildkite-agent`,
		`test -z "$(find / -xdev -name 'image-builder*')"`,
	)

	b.run("bake", look, "--base", id)

	console := filepath.Join(t.TempDir(), "console")
	out, _, shown := b.try("image", "boot", id, "--console", console)
	if !strings.Contains(out, "login") || strings.Contains(shown, "Linux version") {
		t.Errorf("image boot prints %q, want a login prompt, and none of the kernel's lines:\n%s", out, shown)
	}
	if text, err := os.ReadFile(console); !strings.Contains(string(text), "Linux version") || err != nil {
		t.Errorf("the console's file has %d bytes, want all lines: %v", len(text), err)
	}
	b.checkHostClean()
}

// exampleScript is examples/git-mirror/bootstrap.sh for another repository.
func exampleScript(t *testing.T, url string) string {
	t.Helper()
	const theirs = "git@github.com:acme/monorepo.git"

	text, err := os.ReadFile("../../examples/git-mirror/bootstrap.sh")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), theirs) {
		t.Fatalf("the example no longer mirrors %s", theirs)
	}

	path := filepath.Join(t.TempDir(), "bootstrap.sh")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), theirs, url)), 0o755); err != nil {
		t.Fatal(err)
	}

	return path
}
