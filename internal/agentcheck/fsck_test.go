package agentcheck

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bareMirror makes an image's tree with one packed mirror, and returns the tree's and the mirror's directories.
func bareMirror(t *testing.T) (tree, mirror string) {
	t.Helper()
	tree = t.TempDir()
	mirror = filepath.Join(tree, mirrorsDir, "git-github-com-acme-a-git")
	work := t.TempDir()
	err := errors.Join(os.MkdirAll(filepath.Dir(mirror), 0o755), os.WriteFile(filepath.Join(work, "poem"), []byte(strings.Repeat("The quality of mercy is not strained.\n", 99)), 0o644))
	if err != nil {
		t.Fatal(err)
	}

	git(t, work, "init", "--quiet")
	git(t, work, "add", ".")
	git(t, work, "commit", "--quiet", "-m", "one")
	git(t, work, "tag", "-a", "-m", "first", "v1")
	git(t, work, "clone", "--quiet", "--mirror", ".", mirror)
	git(t, mirror, "repack", "-a", "-d", "-q")
	git(t, mirror, "pack-refs", "--all")

	return tree, mirror
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b.c", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b.c")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// Damage is found by git; what the image says to git is not obeyed.
func TestFsck(t *testing.T) {
	t.Parallel()
	packs := func(mirror, pattern string) []string {
		found, _ := filepath.Glob(filepath.Join(mirror, "objects/pack", pattern))
		return found
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, tree, mirror string) error
		say    string // "": passes
	}{
		"whole": {func(*testing.T, string, string) error { return nil }, ""},
		"readable to its owner only": {func(_ *testing.T, _, mirror string) error {
			return os.Chmod(packs(mirror, "*.pack")[0], 0o400)
		}, ""},
		"a byte differs": {func(_ *testing.T, _, mirror string) error {
			text, err := os.ReadFile(packs(mirror, "*.pack")[0])
			text[len(text)/2] ^= 0xff
			return errors.Join(err, os.Remove(packs(mirror, "*.pack")[0]), os.WriteFile(packs(mirror, "*.idx")[0][:len(packs(mirror, "*.idx")[0])-3]+"pack", text, 0o444))
		}, "is damaged: git fsck says error: "},
		"cut off": {func(_ *testing.T, _, mirror string) error { return os.Truncate(packs(mirror, "*.pack")[0], 100) }, "is damaged"},
		"a reference to nothing": {func(_ *testing.T, _, mirror string) error {
			return os.WriteFile(filepath.Join(mirror, "packed-refs"), []byte("0123456789012345678901234567890123456789 refs/heads/gone\n"), 0o644)
		}, "refs/heads/gone"},
		"links that lead to this machine": {func(_ *testing.T, _, mirror string) error {
			pack := packs(mirror, "*.pack")[0]
			return errors.Join(os.Remove(pack), os.Symlink("/etc/passwd", pack))
		}, "is damaged"},
		"hostile configuration": {func(t *testing.T, tree, mirror string) error {
			t.Helper()
			script := filepath.Join(tree, "run-by-git")
			git(t, mirror, "config", "core.fsmonitor", "touch "+script)
			git(t, mirror, "config", "alias.fsck", "!touch "+script)
			git(t, mirror, "config", "include.path", "/etc/passwd")
			return nil
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, mirror := bareMirror(t)
			if err := test.change(t, dir, mirror); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()

			found, err := fsck(t.Context(), tree{root.FS()})
			if err != nil || (test.say == "" && len(found) > 0) || (test.say != "" && (len(found) != 1 || !strings.Contains(found[0].Text, test.say) || found[0].Hint == "")) {
				t.Errorf("found %+v, %v, want %q", found, err, test.say)
			}
			if _, err := os.Stat(filepath.Join(dir, "run-by-git")); err == nil {
				t.Error("git ran what the image says")
			}
		})
	}
}
