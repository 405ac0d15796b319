package cli

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// privateMark tells the process after exec that its mounts are private already.
const privateMark = "IMAGE_BUILDER_PRIVATE_MOUNTS"

// enterPrivateMounts gives this process a mount namespace of its own, by unshare and exec of itself with the same
// arguments; in the process that comes out of it, it returns nil.
//
// Whatever is mounted from then on (disks, secrets in memory) is seen by no other process and is gone the moment the
// last process of the namespace is, also after kill -9. Mounts made outside still show inside (MS_SLAVE).
func enterPrivateMounts() error {
	if os.Getenv(privateMark) == "1" {
		return os.Unsetenv(privateMark)
	}
	if os.Geteuid() != 0 {
		return errors.New("enter private mounts: bakes attach and mount disks: run as root, or with sudo")
	}
	runtime.LockOSThread() // exec keeps the namespaces of the thread that calls it
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mounts: %w: in a container, give it CAP_SYS_ADMIN", err)
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	err := unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), privateMark+"=1"))
	return fmt.Errorf("exec image-builder: %w", err)
}
