package disk

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain gives the tests a mount namespace of their own, as bakes have: a process that copies the mount table
// meanwhile (another package's test that builds a base) would keep our disks in use.
func TestMain(m *testing.M) {
	const mark = "DISK_TEST_PRIVATE_MOUNTS"
	if os.Geteuid() != 0 || os.Getenv(mark) != "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // exec keeps the namespaces of the thread that calls it
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		fmt.Fprintln(os.Stderr, "unshare mounts:", err)
		os.Exit(1)
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		fmt.Fprintln(os.Stderr, "make mounts private:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), mark+"=1")))
	os.Exit(1)
}
