package qemu

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// run runs a program to its end, and ends it when ctx does or when this process is killed, however that happens. The
// kernel ties the latter to the thread that started it, so that thread is kept for as long.
func run(ctx context.Context, program *exec.Cmd) error {
	return runStarted(ctx, program, make(chan error, 1))
}

// runStarted is run, and says on a channel whether the program started.
func runStarted(ctx context.Context, program *exec.Cmd, told chan<- error) error {
	program.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	program.WaitDelay = 5 * time.Second
	started := make(chan error, 1)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := program.Start()
		started <- err
		if err == nil {
			done <- program.Wait()
		}
	}()

	err := <-started
	told <- err
	if err != nil {
		return err
	}

	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}

	_ = program.Process.Kill() // it may have ended meanwhile

	select {
	case <-done: //nolint:errcheck // it was killed, as intended
		return context.Cause(ctx)
	case <-time.After(30 * time.Second):
		return errors.Join(context.Cause(ctx), fmt.Errorf("end %s: it does not go away", program.Path))
	}
}
