//go:build linux

package firstjob

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"image-builder/internal/recipe"
)

// mirror is a baked git mirror. The zero value is an image without one.
type mirror struct {
	dir            string
	url            string // its origin, which a pipeline would name
	branch, commit string
	owner          *syscall.Credential
}

// right is the directory in which the agent looks for it.
func (m mirror) right() string { return filepath.Join(filepath.Dir(m.dir), recipe.MirrorName(m.url)) }

// mirror returns the first mirror that can be checked out.
func (a agent) mirror(ctx context.Context) (mirror, error) {
	entries, err := os.ReadDir(a.mirrors())
	if os.IsNotExist(err) {
		return mirror{}, nil
	}
	if err != nil {
		return mirror{}, err
	}

	found := "" // a mirror, which cannot be used
	for _, entry := range entries {
		m := mirror{dir: filepath.Join(a.mirrors(), entry.Name())}
		info, err := os.Stat(filepath.Join(m.dir, "HEAD"))
		if err != nil {
			continue
		}
		found = m.dir
		if owned, ok := info.Sys().(*syscall.Stat_t); ok {
			m.owner = &syscall.Credential{Uid: owned.Uid, Gid: owned.Gid}
		}

		m.url = m.git(ctx, "config", "--get", "remote.origin.url")
		head := m.git(ctx, "for-each-ref", "--count=1", "--format=%(objectname) %(refname:short)", m.head(ctx))
		m.commit, m.branch, _ = strings.Cut(head, " ")
		if m.url != "" && m.commit != "" {
			return m, nil
		}
	}

	if found != "" {
		return mirror{}, &Failure{
			What: "git finds no commit, or no remote origin, in the mirror " + found,
			Do:   "see git --git-dir " + found + " for-each-ref; git-mirrors: in the recipe makes mirrors",
		}
	}

	return mirror{}, nil
}

// head is the reference of the default branch.
func (m mirror) head(ctx context.Context) string {
	if name := m.git(ctx, "symbolic-ref", "--quiet", "HEAD"); name != "" && m.git(ctx, "rev-parse", "--verify", "--quiet", name) != "" {
		return name
	}
	return "refs/heads"
}

// git asks the mirror something, as its owner; "" is no answer.
func (m mirror) git(ctx context.Context, args ...string) string {
	out, err := m.command(ctx, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (m mirror) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "git", append([]string{"--git-dir", m.dir}, args...)...)
	command.Env = []string{"PATH=" + searchPath, "HOME=/nonexistent", "LC_ALL=C"}
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Credential: m.owner}
	return command
}

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
