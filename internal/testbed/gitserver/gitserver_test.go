package gitserver_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"image-builder/internal/testbed/gitserver"
)

// ssh returns git's ssh command for a key and a known_hosts file with these contents.
func ssh(t *testing.T, key, known []byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string][]byte{"key": key, "known_hosts": known} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -i " + dir + "/key -o UserKnownHostsFile=" + dir + "/known_hosts"
}

func git(t *testing.T, ssh string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = append(os.Environ(), "GIT_SSH_COMMAND="+ssh)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestDeployKeyFetchesAndDoesNothingElse(t *testing.T) {
	t.Parallel()
	server := gitserver.Serve(t)
	stranger := gitserver.Serve(t)
	good := ssh(t, server.PrivateKey, server.KnownHosts)
	out, err := git(t, good, "ls-remote", server.URL)
	if err != nil {
		t.Fatalf("ls-remote: %v\n%s", err, out)
	}

	for _, want := range []string{"refs/heads/main", "refs/tags/v1.0"} {
		if !strings.Contains(out, server.Commit+"\t"+want) {
			t.Errorf("ls-remote has no %s at %s:\n%s", want, server.Commit, out)
		}
	}

	for name, command := range map[string]string{
		"another key":         ssh(t, stranger.PrivateKey, server.KnownHosts),
		"unknown host":        ssh(t, server.PrivateKey, nil),
		"another host's line": ssh(t, server.PrivateKey, stranger.KnownHosts),
	} {
		if out, err := git(t, command, "ls-remote", server.URL); err == nil {
			t.Errorf("%s: ls-remote works:\n%s", name, out)
		}
	}

	clone := filepath.Join(t.TempDir(), "clone")
	if out, err := git(t, good, "clone", server.URL, clone); err != nil {
		t.Fatalf("clone: %v\n%s", err, out)
	}
	if out, err := git(t, good, "-C", clone, "push", "origin", "HEAD:refs/heads/intruder"); err == nil {
		t.Errorf("the deploy key can push:\n%s", out)
	}
}

func TestCloseStopsServing(t *testing.T) {
	t.Parallel()
	server := gitserver.Serve(t)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	address := strings.Split(strings.SplitN(server.URL, "@", 2)[1], "/")[0]

	// A program that another test is starting has a copy of the listener until it is that program.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			connection.Close()
		}
	}

	t.Error("the server still listens")
}
