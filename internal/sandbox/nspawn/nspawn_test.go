package nspawn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/mountns/mountnstest"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/sandboxtest"
	"image-builder/internal/testbed/programtest"
)

func TestMachine(t *testing.T) {
	t.Parallel()
	sandboxtest.Run(t, func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		return Start(ctx, Config{Disk: disk, WorkDir: workDir, Shares: shares})
	})
}

// choices are the kinds of isolation, each forced.
func choices() map[string]choice {
	return map[string]choice{
		"mapped": chooseIsolation,
		"same":   func(context.Context, bool, []string) (isolation, error) { return same, nil },
		"nested": func(context.Context, bool, []string) (isolation, error) { return nested, nil },
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("machines mount disks: run the tests as root")
	}
}

// runScript runs a script in a new machine and returns all it says.
func runScript(t *testing.T, choose choice, disk, text string, shares ...sandbox.Share) string {
	t.Helper()
	m, err := start(t.Context(), Config{Disk: disk, WorkDir: t.TempDir(), Shares: shares}, choose)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()

	var out bytes.Buffer
	if err := m.Run(t.Context(), sandbox.Command{Args: []string{"sh", "-c", text}, Stdout: &out, Stderr: &out}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}

	return out.String()
}

// Whatever the isolation, owners on the disk are the image's and shares can be read and written.
func TestIsolationKeepsOwners(t *testing.T) {
	t.Parallel()
	needRoot(t)

	for name, choose := range choices() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := sandboxtest.Disk(t, nil)
			secret := t.TempDir()
			out := t.TempDir()
			if err := os.WriteFile(filepath.Join(secret, "key"), []byte("k"), 0o600); err != nil {
				t.Fatal(err)
			}

			got := runScript(t, choose, disk, `touch /root/mine /root/theirs; chown 100000:100001 /root/theirs; chmod 4755 /root/theirs
				touch /run/out/new; stat -c '%n %u %g %a' /root/mine /root/theirs /run/out/new /tmp/secrets/key /tmp /run`,
				sandbox.Share{Source: secret, Target: "/tmp/secrets", ReadOnly: true}, sandbox.Share{Source: out, Target: "/run/out"})

			want := "/root/mine 0 0 644\n/root/theirs 100000 100001 4755\n/run/out/new 0 0 644\n/tmp/secrets/key 0 0 600\n/tmp 0 0 1777\n/run 0 0 755\n"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("inside: -want +got\n%s", diff)
			}
			listing := sandboxtest.Listing(t, disk)
			if !strings.Contains(listing["root/mine"], " 0 0 ") || !strings.Contains(listing["root/theirs"], "100000 100001") {
				t.Errorf("on the disk: %q, %q", listing["root/mine"], listing["root/theirs"])
			}
		})
	}
}

// attacks print HARM if they could do what they try. Each value written is the one that is there already.
const attacks = `
try() { timeout 5 sh -c "$1" >/dev/null 2>&1 && echo "HARM: $1"; }
pattern=$(cat /proc/sys/kernel/core_pattern)
mkdir -p /tmp/m
try "echo '$pattern' >/proc/sys/kernel/core_pattern"
try "mount -t proc proc /tmp/m && echo '$pattern' >/tmp/m/sys/kernel/core_pattern"
try "mount -o remount,rw /proc/sys && echo '$pattern' >/proc/sys/kernel/core_pattern"
try "umount /proc/sys && echo '$pattern' >/proc/sys/kernel/core_pattern"
try "unshare -pf --mount-proc sh -c \"echo '$pattern' >/proc/sys/kernel/core_pattern\""
try "mount -t devtmpfs dev /tmp/m"
try "mount -t sysfs sys /tmp/m && echo $(cat /sys/kernel/mm/ksm/run) >/tmp/m/kernel/mm/ksm/run"
try "unshare -n sh -c 'mount -t sysfs sys /tmp/m && echo $(cat /sys/kernel/mm/ksm/run) >/tmp/m/kernel/mm/ksm/run'"
try "mount -t debugfs debug /tmp/m"
try "mount -t bpf bpf /tmp/m"
try "mknod /tmp/disk b DISK && head -c 1 /tmp/disk"
try "mknod /root/disk b DISK && head -c 1 /root/disk"
try "head -c 1 /disk"
try "mount -o remount,dev / && head -c 1 /disk"
try "mount -o remount,bind,dev / && head -c 1 /disk"
try "mount --rbind / /mnt && mount -o remount,bind,dev /mnt && head -c 1 /mnt/disk"
try "ls /dev/loop0"
try "echo h >/proc/sysrq-trigger"
try "unshare -C sh -c 'mount -t cgroup -o freezer none /tmp/m && echo 0 >/tmp/m/tasks && [ -e /tmp/m/release_agent ]'"
true`

func TestHostileRootIsHarmless(t *testing.T) {
	t.Parallel()
	needRoot(t)
	major, minor := rootDevice(t)
	number := major + " " + minor
	disk := sandboxtest.Disk(t, func(tree string) {
		if out, err := exec.Command("mknod", filepath.Join(tree, "disk"), "b", major, minor).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	})

	text := strings.ReplaceAll(attacks, "DISK", number)
	if got := runScript(t, chooseIsolation, disk, text); got != "" {
		t.Error(got)
	}
	// that they harm where nothing is in the way proves that they are attacks
	if got := runScript(t, choices()["nested"], disk, text); strings.Count(got, "HARM") < 4 {
		t.Errorf("without a user namespace: %s", got)
	}
}

// rootDevice is a block device of this machine.
func rootDevice(t *testing.T) (major, minor string) {
	t.Helper()
	all, err := filepath.Glob("/sys/block/*/dev")
	if err != nil || len(all) == 0 {
		t.Skip("this machine has no block device to protect")
	}
	text, err := os.ReadFile(all[len(all)-1])
	if err != nil {
		t.Fatal(err)
	}

	major, minor, _ = strings.Cut(strings.TrimSpace(string(text)), ":")
	return major, minor
}

// TestMain lets this test be a process that is killed while its machine runs, and gives the others mounts of their own.
func TestMain(m *testing.M) {
	if disk := os.Getenv("NSPAWN_TEST_DISK"); disk != "" {
		runForever(disk, os.Getenv("NSPAWN_TEST_DIR"))
	}

	mountnstest.Enter()

	status := m.Run()
	programtest.Remove()
	os.Exit(status)
}

func runForever(disk, dir string) {
	m, err := Start(context.Background(), Config{
		Disk: disk, WorkDir: filepath.Join(dir, "work"),
		Shares: []sandbox.Share{{Source: filepath.Join(dir, "share"), Target: "/run/share"}},
	})
	if err == nil {
		err = m.Run(context.Background(), sandbox.Command{Args: []string{"sh", "-c", "setsid sleep 1000 & echo up; touch /run/share/up; sleep 1000"}, Stdout: os.Stdout})
	}
	panic(err)
}

// After kill -9 only the kernel cleans up: every process of the machine goes at once.
func TestKilledProcessTakesTheMachineWithIt(t *testing.T) {
	t.Parallel()
	needRoot(t)
	disk := sandboxtest.Disk(t, nil)

	dir := t.TempDir()
	for _, name := range []string{"work", "share"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}

	// in a mount namespace of its own, as a bake is
	process := exec.Command("unshare", "--mount", os.Args[0])
	process.Env = append(os.Environ(), "NSPAWN_TEST_DISK="+disk, "NSPAWN_TEST_DIR="+dir)
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}

	if _, err := io.ReadFull(out, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// the pipe ends when the last process of the machine has let go of it
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}

	_ = process.Wait()

	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		loops, _ := exec.Command("losetup", "--noheadings", "--associated", disk).Output()
		if len(loops) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still attached: %s", loops)
		}
	}
}

// An image that cannot run a command is at fault itself, which is said with what to do about it.
func TestImagesThatCannotRunAreRefused(t *testing.T) {
	t.Parallel()
	needRoot(t)

	replace := func(name, target string) func(string) {
		return func(tree string) {
			path := filepath.Join(tree, name)
			if err := errors.Join(os.RemoveAll(path), os.Symlink(target, path)); err != nil {
				t.Error(err)
			}
		}
	}
	for name, change := range map[string]func(tree string){
		"/tmp is a symbolic link": replace("tmp", "/elsewhere"),
		"/run is a symbolic link": replace("run", "/elsewhere"),
		"/dev is a symbolic link": replace("dev", "/elsewhere"),
		"no /bin/sh":              replace("usr/bin/sh", "/elsewhere"),
		"no /usr":                 func(tree string) { os.RemoveAll(filepath.Join(tree, "usr")) },
		"without reading":         replace("usr/bin/sh", "true"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := Start(t.Context(), Config{Disk: sandboxtest.Disk(t, change), WorkDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			err = m.Run(t.Context(), sandbox.Command{Args: []string{"true"}})

			var unusable *disk.Unusable
			if !errors.As(err, &unusable) || !strings.Contains(err.Error(), name) || fault.HintOf(err) == "" {
				t.Errorf("got %v, want an unusable disk, %q and a hint", err, name)
			}
			if err := m.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// An interruption is not taken for a fault of the kernel's, however early it comes.
func TestInterruptedStart(t *testing.T) {
	t.Parallel()
	needRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	work := t.TempDir()
	_, err := Start(ctx, Config{Disk: sandboxtest.Disk(t, nil), WorkDir: work})
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "sysctl") {
		t.Errorf("got %v", err)
	}

	if err := Preflight(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("preflight: got %v", err)
	}
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Errorf("left in the work directory: %v, %v", left, err)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"systemd 252 (252.39-1~deb12u2)\n+PAM": 252, "systemd 258~rc1 (258~rc1-2)": 258, "systemd 255.4-1": 255, "busybox": 0, "": 0,
	} {
		if got, _ := parseVersion(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	needRoot(t)
	if err := Preflight(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestGroupsOfKilledProcessesAreSwept(t *testing.T) {
	t.Parallel()
	needRoot(t)

	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	parents, err := ownGroups()
	if err != nil || len(parents) == 0 {
		t.Skip("no control groups here", err)
	}

	left := filepath.Join(parents[0], groupPrefix+strconv.Itoa(gone.Process.Pid)+"-left", "deep")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	groups, err := createGroups(machineName())
	if err != nil {
		t.Fatal(err)
	}
	if err := removeGroups(t.Context(), groups); err != nil {
		t.Error(err)
	}

	if _, err := os.Stat(left); err == nil {
		t.Errorf("%s is still there", left)
	}
}
