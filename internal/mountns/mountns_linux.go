// Package mountns gives a process a mount namespace of its own.
//
// Whatever the process mounts from then on (disks, secrets in memory) no other process sees, and it is gone the moment
// the last process of the namespace is, also after kill -9. The package mounts nothing itself.
package mountns

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"image-builder/internal/fault"

	"golang.org/x/sys/unix"
)

// mark tells the process after exec that its mounts are private already.
const mark = "IMAGE_BUILDER_PRIVATE_MOUNTS"

// Enter gives this process a mount namespace of its own, by unshare and exec of itself with the same arguments; in
// the process that comes out of it, it returns nil. So it is called before anything is opened or started. Mounts made
// outside still show inside (MS_SLAVE). It needs root. mount_namespaces(7)
func Enter() error {
	if err := enter(); err != nil {
		return fault.New(fault.BadMachine, err, "")
	}
	return nil
}

func enter() error {
	if os.Getenv(mark) == "1" {
		return os.Unsetenv(mark)
	}
	if os.Geteuid() != 0 {
		return errors.New("enter private mounts: disks are attached and mounted: run as root, or with sudo")
	}

	runtime.LockOSThread() // exec keeps the namespaces of the thread that calls it
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mounts: %w: in a container, give it CAP_SYS_ADMIN", err)
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}

	err := unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), mark+"=1"))
	return fmt.Errorf("exec %s: %w", os.Args[0], err)
}
