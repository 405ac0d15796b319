package sandboxtest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// programs are what the suite's scripts use.
func programs() []string {
	return []string{
		"sh", "bash", "cat", "chmod", "chown", "dd", "echo", "env", "head", "id", "ln", "ls", "mkdir", "mknod", "mount", "mv",
		"rm", "rmdir", "seq", "setsid", "sleep", "stat", "sync", "timeout", "touch", "true", "umount", "unshare", "wc",
	}
}

// Disk makes a small raw disk, one ext4 filesystem, of this machine's own shell and core utilities. change, if not
// nil, gets the tree before it becomes a disk.
func Disk(t testing.TB, change func(tree string)) string {
	t.Helper()
	tree := t.TempDir()
	for _, dir := range []string{"etc", "usr/bin", "root", "var/log", "dev", "proc", "sys", "run", "mnt", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(tree, dir), 0o755))
	}
	for _, link := range []string{"bin", "sbin", "lib", "lib64"} {
		must(t, os.MkdirAll(filepath.Join(tree, "usr", link), 0o755))
		must(t, os.Symlink("usr/"+link, filepath.Join(tree, link)))
	}
	must(t, os.WriteFile(filepath.Join(tree, "etc/os-release"), []byte("ID=test\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(tree, "etc/machine-id"), []byte("uninitialized\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(tree, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644))
	for _, program := range programs() {
		install(t, tree, program)
	}
	if change != nil {
		change(tree)
	}
	return format(t, tree)
}

// install copies a program and the libraries it is linked with.
func install(t testing.TB, tree, program string) {
	t.Helper()
	path, err := exec.LookPath(program)
	must(t, err)
	copyFile(t, path, filepath.Join(tree, "usr/bin", program))
	libraries, _ := exec.Command("ldd", path).Output() // a static one has none
	for _, word := range strings.Fields(string(libraries)) {
		if strings.HasPrefix(word, "/") {
			copyFile(t, word, filepath.Join(tree, word))
		}
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	if _, err := os.Stat(to); err == nil {
		return
	}
	content, err := os.ReadFile(from)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(to), 0o755))
	must(t, os.WriteFile(to, content, 0o755))
}

// format makes the disk; all times in it are old, so that a change shows.
func format(t testing.TB, tree string) string {
	t.Helper()
	old := time.Date(2020, 2, 2, 2, 2, 2, 0, time.UTC)
	must(t, filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type() == fs.ModeSymlink {
			return err
		}
		return os.Chtimes(path, old, old)
	}))
	path := filepath.Join(t.TempDir(), "disk.raw")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Truncate(path, 64<<20))
	if out, err := exec.Command("mkfs.ext4", "-q", "-d", tree, path).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("mkfs.ext4: %w: %s", err, out))
	}
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
