// Package agentcheck reports what keeps an image's tree from being a fresh Elastic CI Stack agent: users, directories,
// hooks, mirrors, Docker images, and what an earlier life left.
//
// It reads the tree, and changes nothing. Of the image it runs nothing: git fsck is this machine's, looks at the objects
// of a mirror alone, and runs as nobody. What only a running machine shows (free space) is not its part. Facts are those
// of the AMIs of buildkite/elastic-ci-stack-for-aws.
package agentcheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"image-builder/internal/fault"
)

// Finding is a check that an image does not pass.
type Finding struct {
	Name string `json:"name"` // the check's name, for Skip
	Text string `json:"text"` // what is wrong, and the consequence
	Hint string `json:"hint"` // what to do
}

// check looks at a tree and says what is wrong: text and what to do next.
type check struct {
	name string
	look func(t tree) []Finding // nil: fsck
}

// checks are all of them, in the order in which they are reported.
func checks() []check {
	return []check{
		{"agent-user", user},
		{"agent-directories", directories},
		{"hooks", hooks},
		{"git-mirrors", mirrors},
		{"git-fsck", nil},
		{"docker-images", dockerImages},
		{"boot-status", bootStatus},
		{"machine-id", machineID},
		{"ssh-host-keys", hostKeys},
		{"cloud-init", cloudInit},
		{"history", history},
		{"authorized-keys", authorizedKeys},
		{"credentials", credentials},
	}
}

// Names lists the checks.
func Names() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

// bootScript is what the user data of an Elastic CI Stack calls.
const bootScript = "usr/local/bin/bk-install-elastic-stack.sh"

// IsAgent reports whether a tree looks like that of an Elastic CI Stack's AMI.
func IsAgent(root fs.FS) bool {
	_, err := fs.Stat(root, bootScript)
	return err == nil
}

// Check runs all checks except those named in skip. The tree's links must not lead out of it (os.Root ensures that). An
// error says that a check could not be made.
func Check(ctx context.Context, root fs.FS, skip []string) ([]Finding, error) {
	for _, name := range skip {
		if !slices.Contains(Names(), name) {
			return nil, fault.New(fault.BadInput, fmt.Errorf("check agent: there is no check named %q: use %s", name, strings.Join(Names(), ", ")), "")
		}
	}

	found := []Finding{}
	for _, c := range checks() {
		if slices.Contains(skip, c.name) {
			continue
		}
		findings, err := c.run(ctx, tree{root})
		if err != nil {
			return nil, fmt.Errorf("check agent: %s: %w", c.name, err)
		}
		for _, one := range findings {
			one.Name = c.name
			found = append(found, one)
		}
	}

	return found, nil
}

func (c check) run(ctx context.Context, t tree) ([]Finding, error) {
	if c.look == nil {
		return fsck(ctx, t)
	}
	return c.look(t), nil
}

// tree is what checks read.
type tree struct{ fs.FS }

// maxFile bounds what is read of one file, in bytes.
const maxFile = 1 << 20

// text returns a file's beginning; empty if there is none.
func (t tree) text(name string) string {
	file, err := t.Open(name)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // it was only read

	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	content := make([]byte, min(info.Size(), maxFile))
	n, _ := file.Read(content)

	return string(content[:n])
}

func (t tree) has(name string) bool {
	_, err := fs.Stat(t, name)
	return !errors.Is(err, fs.ErrNotExist) && err == nil
}

// names lists a directory; nothing if there is none.
func (t tree) names(dir string) []fs.DirEntry {
	entries, _ := fs.ReadDir(t, dir)
	return entries
}

// finding is a finding with one text.
func finding(text, next string) []Finding { return []Finding{{Text: text, Hint: next}} }
