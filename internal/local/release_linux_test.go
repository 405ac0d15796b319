package local

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func mountTmpfs(t *testing.T, dir, options string) error {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}

	flags := uintptr(0)
	if options == "ro" {
		flags = unix.MS_RDONLY
		options = ""
	}

	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})

	return nil
}

// deadRun is the name of a run that a killed process left.
const deadRun = "img-0123456789abcdef0"

func fullDisk(t *testing.T, dir string) error {
	t.Helper()
	if err := mountTmpfs(t, dir, "size=64k"); err != nil {
		return err
	}
	write(t, filepath.Join(dir, markerFile), "")
	err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 1<<20), 0o600)
	if !errors.Is(err, unix.ENOSPC) {
		return errors.New("the filesystem did not fill")
	}
	return nil
}

// These are the remains of a killed bake without a mount namespace of its own: a disk attached, a mount of it
// elsewhere, and a mount in its run that shows a directory of this machine.
func TestRecoverMountsAndLoops(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "with blank"))
	shown := filepath.Join(t.TempDir(), "precious")
	write(t, shown, "still here")
	run := filepath.Join(s.dir, runsDir, deadRun)
	below := filepath.Join(s.dir, runsDir, deadRun, "root")
	elsewhere := t.TempDir()
	if err := os.MkdirAll(below, 0o700); err != nil {
		t.Fatal(err)
	}

	device := attach(t, filepath.Join(run, "disk.raw"))
	if err := unix.Mount(filepath.Dir(shown), below, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(device, elsewhere, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}

	cleared, err := s.Recover(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	for _, want := range []string{"unmounted " + below, "unmounted " + elsewhere, "detached " + device, "removed " + run} {
		if !slices.Contains(cleared, want) {
			t.Errorf("Recover did not say %q: %q", want, cleared)
		}
	}

	if text, err := os.ReadFile(shown); string(text) != "still here" {
		t.Errorf("the host's file: %q, %v", text, err)
	}
	expectDetached(t, device, s.dir)
	expectFiles(t, filepath.Join(s.dir, runsDir), 0)
}

// The list of mounts may lack one while others mount; every mount is found all the same, also one over another, and
// on files as well as directories.
func TestUnmountTree(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	dir := t.TempDir()
	shown := filepath.Join(t.TempDir(), "precious")
	write(t, shown, "still here")
	file := filepath.Join(dir, "file")
	below := filepath.Join(dir, "a b", "root")
	write(t, file, "")

	err := os.MkdirAll(below, 0o700)
	for _, bind := range [][2]string{{shown, file}, {filepath.Dir(shown), below}, {filepath.Dir(shown), below}} {
		err = errors.Join(err, unix.Mount(bind[0], bind[1], "", unix.MS_BIND, ""))
	}

	if err := errors.Join(err, unmountTree(dir), os.RemoveAll(dir)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(shown); string(text) != "still here" {
		t.Errorf("the host's file: %q, %v", text, err)
	}
}

// This is a run whose files were removed by hand, with its disk still attached.
func TestRecoverLoopOfRemovedRun(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	run := filepath.Join(s.dir, runsDir, deadRun)
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}

	device := attach(t, filepath.Join(run, "disk.raw"))
	if err := os.RemoveAll(run); err != nil {
		t.Fatal(err)
	}
	if cleared, err := s.Recover(t.Context()); err != nil || !slices.Equal(cleared, []string{"detached " + device}) {
		t.Fatalf("Recover: %q, %v", cleared, err)
	}

	expectDetached(t, device, s.dir)
}

func TestRecoverSparesWhatIsHeld(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	run, err := s.NewRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	device := attach(t, filepath.Join(run.Dir, "disk.raw"))
	if cleared, err := open(t, s.dir).Recover(t.Context()); err != nil || len(cleared) > 0 {
		t.Fatalf("Recover cleared a live run: %q, %v", cleared, err)
	}
	if loops, err := loopsBelow(run.Dir); err != nil || loops[device] == "" {
		t.Fatalf("loop devices: %v, %v", loops, err)
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}

	expectDetached(t, device, s.dir)
}

// attach makes an ext4 disk and attaches it, without the flag that would detach it by itself.
func attach(t *testing.T, disk string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to attach a disk")
	}
	if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", disk, "4M").CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}

	out, err := exec.CommandContext(t.Context(), "losetup", "--find", "--show", disk).Output()
	if err != nil {
		t.Fatalf("losetup: %v", err)
	}

	return strings.TrimSpace(string(out))
}

func expectDetached(t *testing.T, device, dir string) {
	t.Helper()
	loops, err := loopsBelow(dir)
	if err != nil || len(loops) > 0 {
		t.Errorf("loop devices left: %v, %v; want %s detached", loops, err, device)
	}
}
