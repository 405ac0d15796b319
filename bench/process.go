package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// grace is how long a command may clean up after it was told to end.
const grace = 20 * time.Second

// command is a program in a process group of its own, which is told to end when ctx is.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	return cmd
}

// timed runs a command to its end. What it wrote is part of the error only.
func timed(cmd *exec.Cmd, accept ...int) (sample, string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(start)}

	var status *exec.ExitError
	if errors.As(err, &status) {
		for _, code := range accept {
			if status.ExitCode() == code {
				err = nil
			}
		}
	}

	if err != nil {
		return s, "", fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, tail(stdout.String()), tail(stderr.String()))
	}

	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.peak = usage.Maxrss << 10
	}

	return s, strings.TrimSpace(stdout.String()), nil
}

// tail is the last lines of what a command wrote.
func tail(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "")
}

// output runs a command that is not measured.
func output(ctx context.Context, args ...string) (string, error) {
	_, out, err := timed(command(ctx, args...))
	return out, err
}

// installed reports whether all programs are there.
func installed(programs ...string) bool {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return false
		}
	}
	return true
}

// write creates a file for this run.
func write(name, text string, mode os.FileMode) (string, error) {
	return name, os.WriteFile(name, []byte(text), mode)
}
