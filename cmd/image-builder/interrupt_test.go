package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"image-builder/internal/testbed/programtest"
)

// A read from a pipe without a writer cannot be interrupted at once; Ctrl-C still ends it.
func TestCtrlCWhileReading(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	cmd := exec.CommandContext(ctx, programtest.Path(t), "lint", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	tick := time.NewTicker(50 * time.Millisecond)
	for {
		select {
		case err := <-ended:
			exit := (*exec.ExitError)(nil)
			if !errors.As(err, &exit) {
				t.Fatalf("it ended so: %v", err)
			}
			// the second signal ends the reading; a first one that comes before the reading begins ends the command
			if exit.ExitCode() != 130 && exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
				t.Errorf("it ended so: %v", err)
			}
			return

		case <-tick.C:
			if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
		}
	}
}

// SIGTERM is told from Ctrl-C by the status, as in a shell; the step that runs is ended.
func TestSignalsEndARun(t *testing.T) {
	t.Parallel()

	for signal, want := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			document := filepath.Join(dir, "wait.yml")

			text := "schemaVersion: 1.0\nphases: [{name: build, steps: [{name: Wait, action: ExecuteBash, inputs: {commands: [echo begun, sleep 300]}}]}]\n"
			if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, programtest.Path(t), "component", "run", document, "--stream", "--no-log")
			var says bytes.Buffer
			cmd.Stderr = &says
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}

			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}

			lines := bufio.NewScanner(stdout)
			for lines.Scan() {
				if strings.Contains(lines.Text(), "begun") {
					_ = cmd.Process.Signal(signal)
				}
			}

			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != want || !strings.Contains(says.String(), "interrupted") {
				t.Errorf("exit status %d, want %d and the word interrupted:\n%s", code, want, says.String())
			}
		})
	}
}
