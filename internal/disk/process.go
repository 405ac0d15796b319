package disk

import (
	"os/exec"
	"runtime"
	"syscall"
)

// tie makes the kernel kill the program when this process ends, however that happens: a checker that outlives a killed
// bake keeps its disk busy. The kernel ties the program to the thread that starts it, so the caller's goroutine stays
// on its thread until the returned function is called, after the program's end.
func tie(program *exec.Cmd) (release func()) {
	runtime.LockOSThread()
	program.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return runtime.UnlockOSThread
}
