package nspawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// isolation is how the container's root is kept from being this machine's root.
type isolation int

const (
	// mapped: a user namespace with users of its own, and idmapped mounts that map files back. The container's root
	// has no rights on this machine: it may mount, but mounts of kernel filesystems (proc, sysfs) refuse its writes.
	mapped isolation = iota
	// same: a user namespace with this machine's user IDs, for filesystems that cannot be idmapped (a tmpfs before
	// Linux 6.3, an overlay). Root could mount proc and change the kernel's settings as user 0, so it may not mount.
	// One gap remains: in a user namespace of its own making it gets that right back.
	same
	// nested: no user namespace, see Config.Nesting.
	nested
)

// firstID is the user and group on this machine that is root in a mapped container; the container has as many IDs
// from there on. They are above those that a system assigns, and leave room for the subordinate IDs that images use.
const firstID = 1 << 30

// choice decides on the isolation; a test forces one.
type choice func(ctx context.Context, nesting bool, paths []string) (isolation, error)

// chooseIsolation takes the strictest isolation that every filesystem shown to the container allows.
func chooseIsolation(ctx context.Context, nesting bool, paths []string) (isolation, error) {
	if nesting {
		return nested, nil
	}
	users, err := userNamespace(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return same, cause // nothing is wrong with the kernel
	}
	if err != nil {
		return same, fmt.Errorf("make user namespace: %w: sysctl user.max_user_namespaces must not be 0", err)
	}
	defer users.Close()

	for _, path := range paths {
		ok, err := mappable(users, path)
		if err != nil || !ok {
			return same, err
		}
	}

	return mapped, nil
}

// userNamespace makes a user namespace that only the returned file keeps alive.
func userNamespace(ctx context.Context) (*os.File, error) {
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstID, Size: firstID}}
	// a traced process stops before its program begins, so it is there to be looked at, however short it is
	holder := exec.CommandContext(ctx, "/proc/self/exe")
	holder.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, Pdeathsig: syscall.SIGKILL, Ptrace: true,
	}
	if err := holder.Start(); err != nil {
		return nil, err
	}

	users, err := os.Open("/proc/" + strconv.Itoa(holder.Process.Pid) + "/ns/user")
	err = errors.Join(err, holder.Process.Kill())
	_ = holder.Wait() // it was killed, as intended
	return users, err
}

// mappable reports whether the filesystem at path can be idmapped.
func mappable(users *os.File, path string) (ok bool, err error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, unix.Close(tree)) }()

	err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{
		Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(users.Fd()),
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		return false, nil
	}

	return err == nil, err
}

func (i isolation) arguments() []string {
	switch i {
	case mapped:
		ids := strconv.Itoa(firstID)
		return []string{"--private-users=" + ids + ":" + ids, "--private-users-ownership=map"}
	case same:
		// one short of all: programs take the full range for a sign that there is no user namespace
		return []string{"--private-users=0:4294967294", "--private-users-ownership=off", "--drop-capability=CAP_SYS_ADMIN"}
	default:
		return []string{"--private-users=no", "--drop-capability=CAP_AUDIT_CONTROL,CAP_SYS_TTY_CONFIG"}
	}
}

// shareOption makes shared files belong to the same users in the container as here.
func (i isolation) shareOption() string {
	if i == mapped {
		return ":idmap"
	}
	return ""
}

// root is the container's root, as a user and group on this machine.
func (i isolation) root() int {
	if i == mapped {
		return firstID
	}
	return 0
}
