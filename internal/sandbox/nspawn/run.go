package nspawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/sandbox"
)

// killTimeout bounds how long Run waits for killed processes to be gone; a process that waits for a device may take.
const killTimeout = 30 * time.Second

// Run runs command as root in the container. Its working directory is /, its standard input is empty, and its
// environment is Command.Env alone, except for a _ that some shells add.
func (m *Machine) Run(ctx context.Context, command sandbox.Command) error {
	output := newTail(command.Stderr)
	launcher := exec.Command(m.programs.unshare) //nolint:noctx // execute kills it, and waits for all of its children
	launcher.Stdout = command.Stdout
	launcher.Stderr = output
	if oneWriter(command.Stdout, command.Stderr) {
		launcher.Stdout = output // one pipe, so that the order is kept
	}
	launcher.WaitDelay = 5 * time.Second // no process can still hold our pipes: all of them are dead
	return m.execute(ctx, command, "pipe", launcher, output)
}

// execute puts the command into memory, makes the image ready to be mounted on, and runs the launcher to its end.
func (m *Machine) execute(ctx context.Context, command sandbox.Command, console string, launcher *exec.Cmd, output *tail) (err error) {
	if m.stopped {
		return errStopped
	}
	defer func() {
		if err != nil && !errors.As(err, new(sandbox.ExitError)) {
			err = fmt.Errorf("run in machine: %w", err)
		}
	}()

	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := m.memory.write(command); err != nil {
		return err
	}

	scaffold, resolver, err := raise(m.Root(), m.config.Disk)
	if err != nil {
		return err
	}
	launcher.Args = append([]string{"unshare"}, m.arguments(console, resolver)...)
	err = wait(ctx, launcher)
	if err == nil && !m.memory.began() {
		err = fault.New(fault.Done,
			&disk.Unusable{Path: m.config.Disk, Reason: "its /bin/sh ended with status 0 without reading the command that it was given"},
			"use a base whose /bin/sh is a shell")
	}

	if err != nil && context.Cause(ctx) == nil {
		err = m.explain(err, output)
	}

	return errors.Join(err, scaffold.strike(), m.memory.forget())
}

// wait runs the launcher in a pid namespace of its own, whose first process it is: the kernel ends every process of
// the namespace with it, and reports its end after theirs. Killing this process kills it too, however that happens;
// the kernel ties that to the thread that started it, so that thread is kept for as long, and restricted with its children.
func wait(ctx context.Context, launcher *exec.Cmd) error {
	attributes := launcher.SysProcAttr
	if attributes == nil {
		attributes = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is for this process alone
	}

	attributes.Cloneflags = syscall.CLONE_NEWPID
	attributes.Pdeathsig = syscall.SIGKILL
	launcher.SysProcAttr = attributes
	started := make(chan error, 1)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good
		launcher.Env = launcherEnvironment(restrict() == nil)

		err := launcher.Start()
		started <- err
		if err == nil {
			done <- launcher.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start systemd-nspawn: %w", err)
	}

	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}

	return kill(ctx, launcher, done)
}

// kill ends the container and waits until all of it is gone.
func kill(ctx context.Context, launcher *exec.Cmd, done <-chan error) error {
	if err := launcher.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(context.Cause(ctx), err)
	}
	select {
	case <-done: //nolint:errcheck // it was killed, as intended
		return context.Cause(ctx)
	case <-time.After(killTimeout):
		return errors.Join(context.Cause(ctx), fmt.Errorf("end the machine's processes: some are still there after %s", killTimeout))
	}
}

// explain tells a command that failed from an nspawn that did.
func (m *Machine) explain(err error, output *tail) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}

	if !m.memory.began() {
		said := strings.TrimSpace(output.String())
		if strings.Contains(said, " container image") { // nspawn cannot read the image's machine ID or os-release
			return fault.New(fault.Done,
				&disk.Unusable{Path: m.config.Disk, Reason: "systemd-nspawn cannot start it: " + said},
				"use a base whose /etc is that of a Linux system")
		}
		if said != "" {
			return fmt.Errorf("start systemd-nspawn: %w: %s", err, said)
		}
		return fmt.Errorf("start systemd-nspawn: %w: it said nothing", err)
	}

	if status := exit.ExitCode(); status > 0 {
		return sandbox.ExitError{Status: status}
	}

	return fmt.Errorf("systemd-nspawn was killed from outside: %w", err)
}
