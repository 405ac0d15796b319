// Package namespace starts the program again in a mount namespace of its own.
//
// It is what mountns and early share. It imports next to nothing, so that Go can initialise early before other packages, and
// therefore never says more of an error than the step and the system's own error.
package namespace

import (
	"os"
	"runtime"
	"syscall"
)

// mark tells the process after exec that its mounts are private already.
const mark = "IMAGE_BUILDER_PRIVATE_MOUNTS"

// Private reports whether Enter started this process.
func Private() bool { return os.Getenv(mark) == "1" }

// Forget keeps the processes that this one starts from taking its mounts for theirs.
func Forget() error { return os.Unsetenv(mark) }

// The steps of Enter.
const (
	Unshare = "unshare mounts"
	Hide    = "make mounts private"
	Exec    = "exec"
)

// Enter gives this process a mount namespace, by unshare and exec of itself with the same arguments. It returns only if that
// fails, with the step that did. Mounts made outside still show inside (MS_SLAVE).
func Enter() (step string, err error) {
	runtime.LockOSThread() // exec keeps the namespaces of the thread that calls it
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return Unshare, err
	}
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_SLAVE, ""); err != nil {
		return Hide, err
	}
	return Exec, syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), mark+"=1"))
}
