package gitserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"sync"
)

// history is the repository's history: two commits on main, a tag on the second, a pull request on the first.
const history = `commit refs/heads/main
mark :1
author Ada <ada@example.com> 1767225600 +0000
committer Ada <ada@example.com> 1767225600 +0000
data 6
Begin
M 100644 inline README
data 20
A private monorepo.

commit refs/heads/main
mark :2
author Ada <ada@example.com> 1767312000 +0000
committer Ada <ada@example.com> 1767312000 +0000
data 5
Grow
from :1
M 100644 inline services/web/main.go
data 13
package main

reset refs/tags/v1.0
from :2

reset refs/pull/7/head
from :1

`

// makeRepository makes a bare repository with that history at path and returns the commit of its main branch.
func makeRepository(ctx context.Context, path string) (string, error) {
	if err := run(ctx, "git", "init", "--quiet", "--bare", "--initial-branch=main", path); err != nil {
		return "", err
	}
	cmd := git(ctx, path, "fast-import", "--quiet")
	cmd.Stdin = strings.NewReader(history)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fill repository: %w: %s", err, out)
	}

	commit, err := git(ctx, path, "rev-parse", "refs/heads/main").Output()
	if err != nil {
		return "", fmt.Errorf("read main branch: %w", err)
	}

	return strings.TrimSpace(string(commit)), nil
}

func git(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	return cmd
}

func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", name, err, out)
	}
	return nil
}

// account is the user that clients log in as: without root, sshd serves its own user only.
func account() string {
	if current, err := user.Current(); err == nil {
		return current.Username
	}
	return "root"
}

// log collects the output of several processes.
type log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}
