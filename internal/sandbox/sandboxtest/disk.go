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
// nil, may edit the tree first.
func Disk(tb testing.TB, change func(tree string)) string {
	tb.Helper()
	tree := tb.TempDir()
	for _, dir := range []string{"etc", "usr/bin", "root", "var/log", "dev", "proc", "sys", "run", "mnt", "tmp"} {
		must(tb, os.MkdirAll(filepath.Join(tree, dir), 0o755))
	}

	for _, link := range []string{"bin", "sbin", "lib", "lib64"} {
		must(tb, os.MkdirAll(filepath.Join(tree, "usr", link), 0o755))
		must(tb, os.Symlink("usr/"+link, filepath.Join(tree, link)))
	}

	must(tb, os.WriteFile(filepath.Join(tree, "etc/os-release"), []byte("ID=test\n"), 0o644))
	must(tb, os.WriteFile(filepath.Join(tree, "etc/machine-id"), []byte("uninitialized\n"), 0o644))
	must(tb, os.WriteFile(filepath.Join(tree, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644))

	for _, program := range programs() {
		install(tb, tree, program)
	}

	if change != nil {
		change(tree)
	}

	return format(tb, tree)
}

// install copies a program and the libraries it is linked with.
func install(tb testing.TB, tree, program string) {
	tb.Helper()
	path, err := exec.LookPath(program)
	must(tb, err)
	copyFile(tb, path, filepath.Join(tree, "usr/bin", program))
	libraries, _ := exec.CommandContext(tb.Context(), "ldd", path).Output() // a static one has none
	for _, word := range strings.Fields(string(libraries)) {
		if strings.HasPrefix(word, "/") {
			copyFile(tb, word, filepath.Join(tree, word))
		}
	}
}

func copyFile(tb testing.TB, from, to string) {
	tb.Helper()
	if _, err := os.Stat(to); err == nil {
		return
	}
	content, err := os.ReadFile(from)
	must(tb, err)
	must(tb, os.MkdirAll(filepath.Dir(to), 0o755))
	must(tb, os.WriteFile(to, content, 0o755))
}

// format makes the disk; all times in it are old, so that a change shows.
func format(tb testing.TB, tree string) string {
	tb.Helper()
	old := time.Date(2020, 2, 2, 2, 2, 2, 0, time.UTC)
	must(tb, filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type() == fs.ModeSymlink {
			return err
		}
		return os.Chtimes(path, old, old)
	}))

	path := filepath.Join(tb.TempDir(), "disk.raw")
	must(tb, os.WriteFile(path, nil, 0o600))
	must(tb, os.Truncate(path, 64<<20))
	if out, err := exec.CommandContext(tb.Context(), "mkfs.ext4", "-q", "-d", tree, path).CombinedOutput(); err != nil {
		tb.Fatal(fmt.Errorf("mkfs.ext4: %w: %s", err, out))
	}

	return path
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
