package nspawn

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"image-builder/internal/sandbox"
)

// Shell gives a person a shell in the machine: bash if the image has it, else sh, on the terminal that this process
// has. It returns when the shell ends, with an ExitError as Run does; what the person left running is gone then.
// env is the environment in full; TERM is added.
func (m *Machine) Shell(ctx context.Context, env []string) error {
	shell := exec.Command(m.programs.unshare) //nolint:noctx // execute kills it, and waits for all of its children
	shell.Stdin = os.Stdin
	shell.Stdout = os.Stdout
	shell.Stderr = os.Stderr
	shell.SysProcAttr = &syscall.SysProcAttr{} // stays in the terminal's foreground
	command := sandbox.Command{
		Args: []string{"/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash -l; fi; exec sh -l"},
		Env:  append([]string{"TERM=" + os.Getenv("TERM")}, env...),
	}
	return m.execute(ctx, command, "interactive", shell, newTail(nil))
}
