package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/sandbox/sandboxtest"
)

// A base that cannot run a step yields no image, even if its shell claims success. The error blames the base (exit
// status 4) and says what to do.
func TestBasesThatCannotRunAStep(t *testing.T) {
	t.Parallel()
	link := func(name, target string) func(string) {
		return func(tree string) {
			path := filepath.Join(tree, name)
			if err := errors.Join(os.RemoveAll(path), os.Symlink(target, path)); err != nil {
				t.Error(err)
			}
		}
	}

	for name, test := range map[string]struct {
		change func(tree string)
		says   string
	}{
		"/tmp is a link": {link("tmp", "/root"), "its /tmp is a symbolic link"},
		"/dev is a link": {link("dev", "/root"), "its /dev is a symbolic link"},
		"/run is a link": {link("run", "/root"), "its /run is a symbolic link"},
		"/etc is a link": {link("etc", "/root"), "no Linux partition with /etc/os-release"},
		"machine-id is a folder": {func(tree string) {
			path := filepath.Join(tree, "etc/machine-id")
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
				t.Error(err)
			}
		}, "Failed to read machine ID"},
		"sh does nothing":    {link("usr/bin/sh", "true"), "its /bin/sh ended with status 0"},
		"sh empties its job": {replaced("usr/bin/sh", "#!/usr/bin/bash\n: >\"$1\"\n"), "its /bin/sh ended with status 0"},
		"sh runs no program": {replaced("usr/bin/sh", "#!/usr/bin/bash\n: >\"$1\"; echo '{\"kind\":\"stepDone\"}'\n"), "its /bin/sh ended with status 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := emptyBuilder(t)
			_, code, text := b.try("bake", b.script("true"), "--base", sandboxtest.Disk(t, test.change), "--output", "/agent")
			if code != 4 || !strings.Contains(text, test.says) || !strings.Contains(text, "hint: ") {
				t.Errorf("exit status %d, want 4, the words %q and a hint:\n%s", code, test.says, text)
			}
			if strings.Contains(text, ": \n") || strings.Contains(text, "not empty") {
				t.Errorf("an error ends in nothing, or is of no concern:\n%s", text)
			}

			if got := b.run("image", "list"); strings.Contains(got, "img-") {
				t.Errorf("an image was kept:\n%s", got)
			}
			b.checkHostClean()
		})
	}
}

// replaced puts an executable file into a tree.
func replaced(name, text string) func(tree string) {
	return func(tree string) {
		path := filepath.Join(tree, name)
		_ = os.Remove(path)
		_ = os.WriteFile(path, []byte(text), 0o755)
	}
}

// --keep-failed keeps the disk of a step that a timeout ended, marked as a failed bake's.
func TestKeepFailedAfterATimeout(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	_, code, text := b.try("bake", b.script("echo half >/etc/half; sync; sleep 86395"), "--base", "debian:bookworm",
		"--timeout", "30s", "--keep-failed", "--output", "/agent")
	if code != 124 || !strings.Contains(text, "longer than 30s") || !strings.Contains(text, "hint: image-builder image shell img-") {
		t.Fatalf("exit status %d, want 124 and the image to look into:\n%s", code, text)
	}
	if strings.Contains(text, "not empty") {
		t.Errorf("it tells of what is of no concern:\n%s", text)
	}

	_, id, _ := strings.Cut(text, "hint: image-builder image shell ")
	if img := b.show(strings.TrimSpace(id)); img.Failed == "" || img.Parameter != "" {
		t.Errorf("the image is recorded as %+v", img)
	}
	b.checkHostClean()
}
