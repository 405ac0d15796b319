package action

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"image-builder/internal/component"
)

const (
	// linger is how long to wait for a finished process's output while something that it started in the background
	// still holds the pipe. `exec > >(tee log)` needs some of it.
	linger = 3 * time.Second
	// rebootStatus is the exit status by which a script asks for a reboot.
	// https://docs.aws.amazon.com/systems-manager/latest/userguide/send-commands-reboot.html
	rebootStatus = 194
	// marker is the environment variable that identifies the processes of a step, wherever they went.
	marker = "IMAGE_BUILDER_STEP"
)

// execute runs a program to its end and returns the beginning of its standard output (see captured). If ctx ends
// first, it kills the program and everything that the program started. Background processes survive a normal end.
func execute(ctx context.Context, call *component.Call, program string, args ...string) (string, error) {
	mark := marker + "=" + rand.Text()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Args[0] = filepath.Base(program)
	cmd.Dir = call.Dir
	cmd.Env = append(call.Env[:len(call.Env):len(call.Env)], mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killTree(cmd.Process.Pid, mark) }

	stdout, err := newStream(call.Stdout, captured)
	if err != nil {
		return "", err
	}
	stderr, err := newStream(call.Stderr, 0)
	if err != nil {
		return "", errors.Join(err, stdout.abandon())
	}

	cmd.Stdout = stdout.in
	cmd.Stderr = stderr.in
	if err := cmd.Start(); err != nil {
		return "", errors.Join(fmt.Errorf("start %s: %w", program, err), stdout.abandon(), stderr.abandon())
	}
	text, err := await(ctx, call, cmd, stdout, stderr)
	if ctx.Err() != nil && err != nil {
		return text, fmt.Errorf("run %s: %w", program, context.Cause(ctx))
	}

	return text, rebootWanted(err)
}

// await waits for the program, then for the rest of its output.
func await(ctx context.Context, call *component.Call, cmd *exec.Cmd, stdout, stderr *stream) (string, error) {
	stdout.start()
	stderr.start()
	err := cmd.Wait()
	deadline := time.NewTimer(linger)
	defer deadline.Stop()

	if !stdout.wait(ctx, deadline.C) || !stderr.wait(ctx, deadline.C) {
		call.Log("Left running: a background process still holds the output of this step. What it prints from here on is lost; redirect its output to a file.")
	}

	text, whole := stdout.detach()
	stderr.detach()
	call.Log("CmdExecution: ExitCode %d", cmd.ProcessState.ExitCode())

	if !whole {
		call.Log("Output: the step printed more than %d bytes; later steps see only those; the log has everything", captured)
	}

	return text, err
}

// rebootWanted turns the exit status that asks for a reboot into a component.Reboot.
func rebootWanted(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == rebootStatus {
		return component.Reboot{Again: true}
	}
	return err
}

// lookup finds a program as a shell in the call's environment would.
func lookup(call *component.Call, name string) (string, error) {
	if strings.Contains(name, "/") {
		return absolute(call, name), nil
	}
	for _, dir := range filepath.SplitList(variable(call.Env, "PATH")) {
		path := filepath.Join(absolute(call, dir), name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("find program %s in the directories of PATH: %w", name, fs.ErrNotExist)
}

// variable returns the value of an environment variable; the last one counts.
func variable(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return ""
}
