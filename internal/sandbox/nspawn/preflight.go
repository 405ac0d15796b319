package nspawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"image-builder/internal/fault"

	"golang.org/x/sys/unix"
)

// minimum is the oldest version of systemd that this was run with.
const minimum = 252

// programs are this machine's, by absolute path.
type programs struct{ nspawn, unshare, shell string }

func findPrograms() (p programs, err error) {
	var errs []error
	find := func(program, pkg string) string {
		found, err := exec.LookPath(program)
		if err != nil {
			errs = append(errs, fmt.Errorf("find %s: it is not installed: apt-get install %s (or your system's package that has it)", program, pkg))
		}
		return found
	}

	p = programs{find("systemd-nspawn", "systemd-container"), find("unshare", "util-linux"), find("sh", "dash")}
	find("mount", "mount")
	return p, errors.Join(errs...)
}

// Preflight reports whether this machine can run a Machine: root, the programs, and a kernel that lets it make
// namespaces, mounts and control groups. Its error lists everything that is missing and what to do about it.
func Preflight(ctx context.Context) error {
	if err := ready(ctx); err != nil {
		return fault.New(fault.BadMachine, err, "")
	}
	return nil
}

func ready(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("start machine: it mounts disks: run as root, or with sudo")
	}
	found, err := findPrograms()
	if err != nil {
		return err
	}
	return errors.Join(checkProgram(ctx, found), checkUserNamespaces(), checkGroups())
}

// checkProgram asks systemd-nspawn for its version, in namespaces of the kinds that a container needs: two questions for
// one process.
func checkProgram(ctx context.Context, found programs) error {
	cmd := exec.CommandContext(ctx, found.nspawn, "--version")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	out, err := cmd.Output()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("run systemd-nspawn --version: %w", cause)
	}
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("make namespaces: %w: systemd-nspawn cannot work here; in a container, run that one with --privileged", err)
	}

	if err != nil {
		return fmt.Errorf("run systemd-nspawn --version: %w", err)
	}

	version, err := parseVersion(string(out))
	if err != nil {
		return err
	}
	if version < minimum {
		return fmt.Errorf("use systemd-nspawn %d: it must be %d or later: upgrade to Debian 12, Ubuntu 24.04, Amazon Linux 2023 or later", version, minimum)
	}

	return nil
}

// parseVersion reads "systemd 252 (252.39-1~deb12u2)", and "systemd 258~rc1 (…)".
func parseVersion(text string) (int, error) {
	field := strings.Fields(text)
	if len(field) < 2 || field[0] != "systemd" {
		return 0, fmt.Errorf("read systemd-nspawn's version: unexpected %q", text)
	}
	digits := field[1]
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	return strconv.Atoi(digits)
}

// checkUserNamespaces reports whether the kernel has user namespaces to give.
func checkUserNamespaces() error {
	if limit, err := os.ReadFile("/proc/sys/user/max_user_namespaces"); err != nil || strings.TrimSpace(string(limit)) == "0" {
		return errors.New("make user namespace: the kernel has none to give: sysctl user.max_user_namespaces=1000")
	}
	return nil
}

func checkGroups() error {
	groups, err := ownGroups()
	if err != nil {
		return err
	}
	for _, group := range groups {
		if err := unix.Access(group, unix.W_OK); err != nil {
			return fmt.Errorf("write to control group %s: %w: in a container, mount /sys/fs/cgroup for writing (--privileged does)", group, err)
		}
	}
	return nil
}
