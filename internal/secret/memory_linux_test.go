package secret

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"image-builder/internal/mountns/mountnstest"

	"golang.org/x/sys/unix"
)

// helperVariable makes the test binary act as a process that is killed or dies.
const helperVariable = "SECRET_TEST_HELPER"

func TestMain(m *testing.M) {
	role, dir, _ := strings.Cut(os.Getenv(helperVariable), ":")
	switch role {
	case "":
		mountnstest.Enter()
		os.Exit(m.Run())
	case "mount":
		mountAndWait(dir)
	case "abort":
		coreless()
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
}

func mountMemory(t *testing.T, size int64) *Memory {
	t.Helper()
	needRoot(t)

	m, err := MountMemory(filepath.Join(t.TempDir(), "secrets"), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})

	return m
}

func TestMemoryHoldsSecretsAndGoes(t *testing.T) {
	t.Parallel()
	m := mountMemory(t, 1<<20)
	if err := m.Write("ssh/id_rsa", []byte("key")); err != nil {
		t.Fatal(err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(m.Dir(), &fs); err != nil || fs.Type != unix.TMPFS_MAGIC {
		t.Errorf("file system type is %x (%v), want tmpfs", fs.Type, err)
	}

	for name, want := range map[string]os.FileMode{".": os.ModeDir | 0o700, "ssh": os.ModeDir | 0o700, "ssh/id_rsa": 0o600} {
		if info, err := os.Lstat(filepath.Join(m.Dir(), name)); err != nil || info.Mode() != want {
			t.Errorf("%s: mode is %v (%v), want %v", name, info.Mode(), err, want)
		}
	}

	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(m.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestMemoryRefuses(t *testing.T) {
	t.Parallel()
	m := mountMemory(t, 64<<10)
	if err := errors.Join(m.Write("token", nil), os.Symlink("/etc", filepath.Join(m.Dir(), "out")),
		os.Symlink("/etc/new", filepath.Join(m.Dir(), "link"))); err != nil {
		t.Fatal(err)
	}

	for name, size := range map[string]int{"../out": 1, "/etc/x": 1, "out/x": 1, "link": 1, "token": 1, "big": 65 << 10} {
		if err := m.Write(name, make([]byte, size)); err == nil {
			t.Errorf("writing %d bytes to %s went well", size, name)
		}
	}
}

func TestMemoryGoesThoughItIsInUse(t *testing.T) {
	t.Parallel()
	m := mountMemory(t, 1<<20)
	if err := errors.Join(m.Write("token", []byte("t")), m.Write("other", []byte("t"))); err != nil {
		t.Fatal(err)
	}
	dir := open(t, m.Dir())

	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := dir.Readdirnames(-1); len(names) > 0 {
		t.Errorf("a process that was inside still sees %q (%v)", names, err)
	}
}

// Kernels without noswap are rare, so the test switches on the replacement by hand.
func TestMemoryPinsWhereTheKernelMaySwap(t *testing.T) {
	t.Parallel()
	m := mountMemory(t, 1<<20)
	m.swaps = true
	if err := m.Write("token", make([]byte, 100<<10)); err != nil {
		t.Fatal(err)
	}

	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, region, _ := strings.Cut(string(smaps), filepath.Join(m.Dir(), "token"))
	_, locked, _ := strings.Cut(region, "Locked:")
	if got := strings.TrimSpace(strings.SplitN(locked, "\n", 2)[0]); got != "100 kB" {
		t.Errorf("locked: %q, want 100 kB", got)
	}
}

// helper starts this test binary in a role, in a mount namespace of its own.
func helper(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	return cmd
}

func TestKillLeavesNothing(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "secrets")
	cmd := helper("mount:" + dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	if line, err := bufio.NewReader(out).ReadString('\n'); line != "mounted\n" {
		t.Fatalf("helper said %q (%v)", line, err)
	}
	err = errors.Join(cmd.Process.Kill(), cmd.Wait())

	if mounts, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(mounts), dir) {
		t.Errorf("the mount is left (%v):\n%s", err, mounts)
	}
	if names, err := os.ReadDir(dir); len(names) > 0 {
		t.Errorf("files left: %v (%v)", names, err)
	}
}

func mountAndWait(dir string) {
	m, err := MountMemory(dir, 1<<20)
	if err == nil {
		err = m.Write("token", []byte("t"))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("mounted")
	select {}
}

func TestNoCore(t *testing.T) {
	t.Parallel()
	cmd := helper("abort")

	if os.Geteuid() != 0 {
		cmd.SysProcAttr = nil
	}

	cmd.Dir = t.TempDir()
	out, _ := cmd.CombinedOutput()

	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT {
		t.Fatalf("the process did not die of the signal: %v\n%s", cmd.ProcessState, out)
	}
	if status.CoreDump() {
		t.Error("the kernel wrote a core file")
	}
	if !strings.HasPrefix(string(out), "dumpable 0, limit 0\n") {
		t.Errorf("the process said %q", out)
	}
}

// coreless turns core files off after the process could have written one, and dies.
func coreless() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	err := NoCore()
	dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &limit)
	fmt.Printf("dumpable %d, limit %d\n", dumpable, limit.Max)

	if err != nil {
		fmt.Println(err)
	}

	debug.SetTraceback("crash")
	panic("die of SIGABRT")
}
