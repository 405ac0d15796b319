package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// toolVariable makes this test program one that runs the named tool on the disk of the second argument until it is killed.
const toolVariable = "DISK_TEST_TOOL"

// useTool never returns: the tool is a script that sleeps.
func useTool(tool, path string) {
	ctx := context.Background()
	run := map[string]func() error{
		"e2fsck":     func() error { return Check(ctx, path) },
		"xfs_repair": func() error { return runCheck(ctx, path, Partition{Filesystem: XFS}, "xfsprogs", tool, path) },
		"resize2fs":  func() error { return Grow(ctx, path, 96<<20) },
		"qemu-img":   func() error { return ExportQCOW2(ctx, path+".qcow2", path, nil) },
	}
	fmt.Fprintln(os.Stderr, run[tool]())
	os.Exit(1)
}

// A process that is killed takes the tools that work on its disk with it: they would keep the disk busy.
func TestToolsDieWithTheirParent(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("attaches disks: run as root")
	}

	for _, tool := range []string{"e2fsck", "xfs_repair", "resize2fs", "qemu-img"} {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "disk.raw")
			pidFile := filepath.Join(dir, "pid")
			script := fmt.Sprintf("#!/bin/sh\necho $$ >%s.new; mv %s.new %s; exec sleep 1000\n", pidFile, pidFile, pidFile)
			err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 64<<20),
				os.Mkdir(filepath.Join(dir, "bin"), 0o700), os.MkdirAll(filepath.Join(dir, "tree/etc"), 0o700),
				os.WriteFile(filepath.Join(dir, "tree/etc/os-release"), []byte("ID=test\n"), 0o600), os.WriteFile(filepath.Join(dir, "bin", tool), []byte(script), 0o700))
			if err != nil {
				t.Fatal(err)
			}

			if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", "-d", filepath.Join(dir, "tree"), path).CombinedOutput(); err != nil {
				t.Fatalf("mkfs.ext4: %v\n%s", err, out)
			}

			parent := exec.CommandContext(t.Context(), os.Args[0], path)
			parent.Env = append(os.Environ(), toolVariable+"="+tool, "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
			parent.Stderr = os.Stderr
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}

			child := awaitPID(t, pidFile)
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait() // it says that it was killed
			awaitEnd(t, child)
		})
	}
}

func awaitPID(t *testing.T, path string) int {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}

	t.Fatal("the tool never started")
	return 0
}

// awaitEnd fails the test, and kills the process, if it is still there after a while. An unreaped one is a
// zombie, and as good as gone.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil || strings.Contains(string(status), "State:\tZ") {
			return
		}
	}
	t.Errorf("process %d outlives its parent", pid)
	_ = unix.Kill(pid, unix.SIGKILL)
}
