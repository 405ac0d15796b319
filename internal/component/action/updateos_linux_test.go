package action

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"image-builder/internal/base/basetest"
	"image-builder/internal/component"
	"image-builder/internal/disk"
)

// chroot is the environment variable that tells the test's own program to work in a tree, see insideDebian.
const chroot = "TEST_CHROOT"

// TestUpdateOS runs the module in a real Debian, against a repository that the test makes there: version 1 of three
// packages is installed, version 2 is offered, and one of those needs a package that is not installed.
func TestUpdateOS(t *testing.T) {
	t.Parallel()
	base := basetest.Debian(t)

	copied := filepath.Join(t.TempDir(), "disk.raw")
	if err := disk.Clone(t.Context(), copied, base.Disk, nil); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}

	mount, err := disk.Open(t.Context(), copied, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := mount.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()

	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program)
	child.Env = []string{chroot + "=" + mount.Dir(), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	var told, log bytes.Buffer
	child.Stdout = &told
	child.Stderr = &log
	if err := child.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}

	want := `all: a=2 b=2 c=2 d=1, manual c
include a: a=2 b=1 c=1, manual c
include a b, exclude b: a=2 b=1 c=1, manual c
exclude a: a=1 b=2 c=2 d=1, manual c
include none: a=1 b=1 c=1, manual c
`
	if diff := cmp.Diff(want, told.String()); diff != "" {
		t.Errorf("%s\n%s", diff, log.String())
	}
}

// insideDebian is the other half of TestUpdateOS: it makes the tree its root and reports what each case did.
func insideDebian(root string) (err error) {
	if err := errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("/dev", filepath.Join(root, "dev"), "", unix.MS_BIND, ""),
		unix.Mount("proc", filepath.Join(root, "proc"), "proc", 0, ""),
		unix.Chroot(root), os.Chdir("/"),
	); err != nil {
		return err
	}

	if err := offer(); err != nil {
		return err
	}

	for _, test := range []struct {
		name             string
		include, exclude []string
	}{
		{name: "all"},
		{name: "include a", include: []string{"test-a"}},
		{name: "include a b, exclude b", include: []string{"test-a", "test-b"}, exclude: []string{"test-b"}},
		{name: "exclude a", exclude: []string{"test-a"}},
		{name: "include none", include: []string{"test-none"}},
	} {
		if err := shell(`apt-get -qq -y purge 'test-*' || true
			dpkg -i /repo/*_1.deb && apt-mark auto test-a test-b test-d && dpkg -P test-d`); err != nil {
			return err
		}
		call := &component.Call{
			Inputs: []component.Inputs{{"include": test.include, "exclude": test.exclude}},
			Env:    os.Environ(), Dir: "/", Stdout: os.Stderr, Stderr: os.Stderr,
			Log: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) },
		}
		if _, err := updateOS().Run(context.Background(), call); err != nil {
			return err
		}

		fmt.Print(test.name + ":")
		if err := shell(`dpkg-query -W -f ' ${Package}=${Version}' 'test-*' | sed 's/test-//g'
			echo ", manual $(apt-mark showmanual | grep test- | sed s/test-//)"`); err != nil {
			return err
		}
	}

	return nil
}

// shell runs a script. Its stdout goes to the test's answer, except chatter of the package manager.
func shell(script string) error {
	cmd := exec.Command("bash", "-c", script)
	cmd.Stdout = os.Stdout
	cmd.Stderr = os.Stderr
	if strings.Contains(script, "dpkg -i") || strings.Contains(script, "dpkg-deb") {
		cmd.Stdout = os.Stderr
	}
	return cmd.Run()
}

// offer makes a repository of version 1 and 2 of some packages, the only one that apt knows.
func offer() error {
	var index strings.Builder
	for _, p := range []struct{ name, version, depends string }{
		{"test-a", "1", ""},
		{"test-b", "1", ""},
		{"test-c", "1", ""},
		{"test-d", "1", ""},
		{"test-a", "2", ""},
		{"test-b", "2", ""},
		{"test-c", "2", "Depends: test-d\n"},
	} {
		control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: test <test@example.com>\nDescription: test\n%s", p.name, p.version, p.depends)
		dir := fmt.Sprintf("/build/%s_%s", p.name, p.version)
		if err := os.MkdirAll(dir+"/DEBIAN", 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(dir+"/DEBIAN/control", []byte(control), 0o644); err != nil {
			return err
		}

		deb := fmt.Sprintf("%s_%s.deb", p.name, p.version)
		if err := shell("mkdir -p /repo && dpkg-deb --build --root-owner-group " + dir + " /repo/" + deb); err != nil {
			return err
		}
		text, err := os.ReadFile("/repo/" + deb)
		if err != nil {
			return err
		}

		sum := sha256.Sum256(text)
		fmt.Fprintf(&index, "%sFilename: ./%s\nSize: %d\nSHA256: %s\n\n", control, deb, len(text), hex.EncodeToString(sum[:]))
	}

	return errors.Join(
		os.WriteFile("/repo/Packages", []byte(index.String()), 0o644),
		shell("rm -rf /etc/apt/sources.list.d/*"),
		os.WriteFile("/etc/apt/sources.list", []byte("deb [trusted=yes] file:/repo ./\n"), 0o644),
	)
}
