package agentcheck

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"image-builder/internal/base/basetest"
	"image-builder/internal/disk"
)

// fresh is the tree of a fresh agent.
func fresh() fstest.MapFS {
	owned := &fstest.MapFile{Mode: fs.ModeDir | 0o755, Sys: &syscall.Stat_t{Uid: 2000, Gid: 2000}}
	tree := fstest.MapFS{
		bootScript:                              {Data: []byte("#!/bin/bash\n"), Mode: 0o755},
		"etc/passwd":                            {Data: []byte("root:x:0:0:root:/root:/bin/bash\nbuildkite-agent:x:2000:2000::/var/lib/buildkite-agent:/bin/bash\n")},
		"etc/group":                             {Data: []byte("root:x:0:\ndocker:x:990:ec2-user,buildkite-agent\n")},
		"etc/machine-id":                        {Data: []byte("uninitialized\n")},
		"etc/buildkite-agent/hooks/environment": {Data: []byte("#!/bin/bash\nsource /x || true\n"), Mode: 0o755},
		"etc/buildkite-agent/hooks/other":       {Data: []byte("#!/usr/bin/env python3\nx = (\n"), Mode: 0o755},
	}
	for _, dir := range []string{
		"var/lib/buildkite-agent", "var/lib/buildkite-agent/builds", "var/lib/buildkite-agent/git-mirrors",
		"var/lib/buildkite-agent/plugins", "etc/buildkite-agent", "etc/buildkite-agent/hooks",
	} {
		tree[dir] = owned
	}

	mirror := "var/lib/buildkite-agent/git-mirrors/git-github-com-acme-a-git/"
	tree[mirror+"HEAD"] = &fstest.MapFile{Data: []byte("ref: refs/heads/main\n")}
	tree[mirror+"config"] = &fstest.MapFile{Data: []byte("[core]\n\tbare = true\n[remote \"origin\"]\n\turl = git@github.com:acme/a.git\n\tmirror = true\n")}
	tree[mirror+"packed-refs"] = &fstest.MapFile{Data: []byte("# pack-refs with: peeled fully-peeled sorted \n")}
	tree[mirror+"objects/pack/pack-1.pack"] = &fstest.MapFile{Data: []byte("x")}
	tree["var/lib/docker/2000.990/image/overlay2/repositories.json"] = &fstest.MapFile{Data: []byte(`{"Repositories":{"node":{}}}`)}

	return tree
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }

func TestCheck(t *testing.T) {
	t.Parallel()
	const mirrors = "var/lib/buildkite-agent/git-mirrors/"
	const mirror = mirrors + "git-github-com-acme-a-git/"
	for name, test := range map[string]struct {
		change     map[string]*fstest.MapFile // nil removes
		check, say string                     // "": passes
	}{
		"fresh":                   {},
		"no user":                 {map[string]*fstest.MapFile{"etc/passwd": file("root:x:0:0::/:/bin/sh\n")}, "agent-user", "no user buildkite-agent"},
		"another uid":             {map[string]*fstest.MapFile{"etc/passwd": file("buildkite-agent:x:1001:1001::/var/lib/buildkite-agent:/bin/sh\n")}, "agent-user", "1001:1001"},
		"no docker group member":  {map[string]*fstest.MapFile{"etc/group": file("docker:x:990:ec2-user\n")}, "agent-user", "not in group docker"},
		"directory of root":       {map[string]*fstest.MapFile{"var/lib/buildkite-agent/builds": {Mode: fs.ModeDir | 0o755, Sys: &syscall.Stat_t{}}}, "agent-directories", "belongs to 0:0"},
		"directory missing":       {map[string]*fstest.MapFile{"var/lib/buildkite-agent/plugins": nil}, "agent-directories", "plugins is not a directory"},
		"hook does not parse":     {map[string]*fstest.MapFile{"etc/buildkite-agent/hooks/pre-exit": {Data: []byte("#!/bin/bash\nif true; then\n"), Mode: 0o755}}, "hooks", "does not parse"},
		"hook not executable":     {map[string]*fstest.MapFile{"etc/buildkite-agent/hooks/pre-exit": file("#!/bin/bash\n")}, "hooks", "not executable"},
		"mirror misnamed":         {map[string]*fstest.MapFile{mirror + "config": file("[remote \"origin\"]\n\turl = https://github.com/acme/a.git\n")}, "git-mirrors", "looks for in https---github-com-acme-a-git"},
		"mirror without origin":   {map[string]*fstest.MapFile{mirror + "config": file("[core]\n")}, "git-mirrors", "no remote origin"},
		"mirror unpacked":         {map[string]*fstest.MapFile{mirror + "objects/ab/cdef": file("x")}, "git-mirrors", "not packed"},
		"loose reference":         {map[string]*fstest.MapFile{mirror + "refs/heads/main": file("x")}, "git-mirrors", "not packed"},
		"two packs":               {map[string]*fstest.MapFile{mirror + "objects/pack/pack-2.pack": file("x")}, "git-mirrors", "not packed"},
		"lock in mirror":          {map[string]*fstest.MapFile{mirror + "shallow.lock": file("")}, "git-mirrors", "git that was killed"},
		"agent's lock":            {map[string]*fstest.MapFile{mirrors + "x.updatelock": file("")}, "git-mirrors", "waits for a fetch"},
		"no mirror":               {map[string]*fstest.MapFile{mirrors + "x/readme": file("")}, "git-mirrors", "not a git mirror"},
		"images not remapped":     {map[string]*fstest.MapFile{"var/lib/docker/image/overlay2/repositories.json": file(`{"Repositories":{"node":{}}}`)}, "docker-images", "pulled again"},
		"images of another group": {map[string]*fstest.MapFile{"etc/group": file("docker:x:989:buildkite-agent\n")}, "docker-images", "in /var/lib/docker/2000.990, and the daemon of a stack with EnableDockerUserNamespaceRemap (the default) looks in /var/lib/docker/2000.989:"},
		"another data root":       {map[string]*fstest.MapFile{"etc/docker/daemon.json": file(`{"data-root": "/data/../docker"}`)}, "docker-images", "looks in /docker/2000.990"},
		"another storage driver":  {map[string]*fstest.MapFile{"etc/docker/daemon.json": file(`{"storage-driver": "btrfs"}`)}, "docker-images", "/var/lib/docker/2000.990 (for overlay2)"},
		"daemon.json as it was":   {map[string]*fstest.MapFile{"etc/docker/daemon.json": file(`{"storage-driver": "overlay2", "data-root": "/var/lib/docker/"}`)}, "", ""},
		"daemon.json not JSON":    {map[string]*fstest.MapFile{"etc/docker/daemon.json": file(`{"data-root": `)}, "docker-images", "daemon does not start"},
		"no images":               {map[string]*fstest.MapFile{"var/lib/docker/image/overlay2/repositories.json": file(`{"Repositories":{}}`)}, "", ""},
		"boot status":             {map[string]*fstest.MapFile{"var/log/elastic-stack-bootstrap-status": file("Completed")}, "boot-status", "takes the instance for configured"},
		"machine ID":              {map[string]*fstest.MapFile{"etc/machine-id": file("0123456789abcdef0123456789abcdef\n")}, "machine-id", "another machine"},
		"host key":                {map[string]*fstest.MapFile{"etc/ssh/ssh_host_ed25519_key": file("x")}, "ssh-host-keys", "pose as"},
		"cloud-init ran":          {map[string]*fstest.MapFile{"var/lib/cloud/instances/i-1/sem/x": file("x")}, "cloud-init", "i-1"},
		"history":                 {map[string]*fstest.MapFile{"home/ec2-user/.bash_history": file("ls")}, "history", ".bash_history"},
		"authorized key":          {map[string]*fstest.MapFile{"home/ec2-user/.ssh/authorized_keys": file("ssh-ed25519 A")}, "authorized-keys", "log in"},
		"credentials":             {map[string]*fstest.MapFile{"root/.docker/config.json": file(`{"auths":{"r":{"auth":"eA=="}}}`)}, "credentials", "config.json"},
		"secrets":                 {map[string]*fstest.MapFile{"tmp/secrets/key": file("x")}, "credentials", "tmp/secrets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := fresh()
			for name, changed := range test.change {
				tree[name] = changed
				if changed == nil {
					delete(tree, name)
				}
			}

			found, err := Check(t.Context(), tree, nil)
			if err != nil {
				t.Fatal(err)
			}
			if (test.check == "" && len(found) > 0) || (test.check != "" && (len(found) != 1 || found[0].Name != test.check || !strings.Contains(found[0].Text, test.say) || found[0].Hint == "")) {
				t.Errorf("found %+v, want %s: %s", found, test.check, test.say)
			}

			if found, err := Check(t.Context(), tree, []string{test.check}); test.check != "" && (err != nil || len(found) > 0) {
				t.Errorf("although it is left out: %+v, %v", found, err)
			}
		})
	}

	if _, err := Check(t.Context(), fresh(), []string{"no-such"}); err == nil || !strings.Contains(err.Error(), "machine-id") {
		t.Errorf("%v, want the names that there are", err)
	}
}

// The base that this project builds is a fresh agent's.
func TestDebianPasses(t *testing.T) {
	t.Parallel()
	base := basetest.Debian(t)
	err := disk.Inspect(t.Context(), base.Disk, func(tree *os.Root) error {
		found, err := Check(t.Context(), tree.FS(), nil)
		for _, one := range found {
			t.Errorf("%s: %s", one.Name, one.Text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
