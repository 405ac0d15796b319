// Package sandbox is the contract of a disk brought up so that commands can run in it as root.
//
// A Machine is a container on the mounted disk (sandbox/nspawn), in which the disk's own init may run, or a virtual
// machine that boots it (sandbox/qemu). sandboxtest is the suite that every Machine passes. A Machine knows nothing of
// component documents: its callers share files with it and run commands. Nothing that a Machine adds for its own sake
// stays on the disk.
package sandbox

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
)

// Machine is a disk brought up. Its methods are called one at a time.
type Machine interface {
	// Run runs one command as root to its end. When it returns, every process that the command started is gone,
	// daemons included. A command that ends with a status other than 0 yields an ExitError. Cancelling ctx kills
	// the command and all its children; the error then wraps the context's cause.
	Run(ctx context.Context, cmd Command) error
	// Reboot restarts the machine: what lives in memory on a real machine (processes, /run, /tmp) is gone, what was
	// shared with it is still there.
	Reboot(ctx context.Context) error
	// Stop ends every process, discards the filesystem's free space, unmounts the disk and lets go of it. After
	// Stop no process has the disk open, and what was deleted in it is holes. Stop may be called more than once.
	Stop(ctx context.Context) error
}

// Command is what to run.
type Command struct {
	Args []string
	// Env is the environment in full, NAME=value. Values may be secret: a Machine never puts them into an argv.
	Env            []string
	Stdout, Stderr io.Writer
}

// Share is a file or directory of this machine that a Machine shows at another path.
type Share struct {
	Source   string // path here
	Target   string // absolute path in the Machine, under /run or /tmp: nothing there reaches the disk
	ReadOnly bool
}

// CheckShares keeps shares off the disk: their mount points must be in memory.
func CheckShares(shares []Share) error {
	for _, share := range shares {
		target := path.Clean(share.Target)
		if !strings.HasPrefix(target, "/run/") && !strings.HasPrefix(target, "/tmp/") {
			return fmt.Errorf("share %s at %s: it must be under /run or /tmp, which are not on the disk", share.Source, share.Target)
		}
	}
	return nil
}

// ExitError says that a command ended with a status other than 0.
type ExitError struct{ Status int }

func (e ExitError) Error() string { return fmt.Sprintf("exit status %d", e.Status) }
