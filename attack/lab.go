package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// patience is how long one command may take; one that takes longer hangs.
	patience = time.Minute
	// baseName and parameter are what bakes start from and write to.
	baseName  = "attacked"
	parameter = "/attack/image"
)

// lab is a data directory under attack and the program that works on it.
type lab struct{ program, dir, data string }

// outcome is how a command ended.
type outcome struct {
	code         int // -1: a signal ended it
	stdout, text string
	late         bool // it did not end within patience
}

func (l lab) file(name string) string { return filepath.Join(l.dir, name) }

// command is the program with its data directory. When ctx ends it is asked to clean up before it is killed.
func (l lab) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, l.program, append([]string{"--data-dir", l.data}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	return cmd
}

// run runs the program to its end.
func (l lab) run(ctx context.Context, args ...string) (outcome, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := l.command(bounded, args...)
	var stdout, text bytes.Buffer
	cmd.Stdout = &stdout
	cmd.Stderr = &text

	err := cmd.Run()
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	if cmd.ProcessState == nil {
		return outcome{}, fmt.Errorf("run %s: %w", l.program, err)
	}

	return outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), text: text.String(), late: bounded.Err() != nil}, nil
}

// must runs the program, which must succeed, and returns its standard output.
func (l lab) must(ctx context.Context, args ...string) (string, error) {
	done, err := l.run(ctx, args...)
	if err == nil && done.code != 0 {
		err = fmt.Errorf("image-builder %s: exit status %d: %s", args[0], done.code, done.text)
	}
	return done.stdout, err
}

// kill starts the program, waits, and ends it with kill -9. It reports whether the program was still running then.
func (l lab) kill(ctx context.Context, after time.Duration, args ...string) (landed bool, err error) {
	cmd := l.command(ctx, args...)
	if err := cmd.Start(); err != nil {
		return false, err
	}

	select {
	case <-time.After(after):
	case <-ctx.Done():
	}

	killErr := cmd.Process.Kill()
	_ = cmd.Wait() // its status is in ProcessState
	if killErr != nil && !errors.Is(killErr, os.ErrProcessDone) {
		return false, killErr
	}

	return wasKilled(cmd), ctx.Err()
}

func wasKilled(cmd *exec.Cmd) bool {
	status, isUnix := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return isUnix && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// marker is a word in the command line of a bake's last process, for faults to look for.
func (l lab) marker() string { return "marker-" + filepath.Base(filepath.Dir(l.dir)) }

// prepare makes a small base and the script that bakes of it run, and returns the arguments of such a bake.
func (l lab) prepare(ctx context.Context) ([]string, error) {
	disk, err := l.makeDisk(ctx, "true")
	if err != nil {
		return nil, err
	}
	if _, err := l.must(ctx, "base", "pull", "--name", baseName, disk); err != nil {
		return nil, err
	}

	script := l.file("bootstrap.sh")
	text := "#!/bin/bash\nset -e\nhead -c 1M /dev/urandom >/noise\nsh -c 'sleep 0.1; :' " + l.marker() + "\necho whole >/baked\n"
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		return nil, err
	}

	return []string{"bake", script, "--base", baseName, "--output", parameter, "--test", "none"}, nil
}

// makeDisk makes a raw disk of 64 MiB, one ext4 filesystem, of this machine's own shell and core utilities. The shell
// command change runs in the tree before it becomes a disk.
func (l lab) makeDisk(ctx context.Context, change string) (string, error) {
	tree := l.file("tree")
	if err := os.RemoveAll(tree); err != nil {
		return "", err
	}

	disk := l.file("disk.raw")
	const script = `
		if ! [ -d "$1.whole" ]; then mkdir "$1.whole"; cd "$1.whole"
		mkdir -p etc usr/bin root var/log var/tmp var/lib dev proc sys run mnt tmp home
		for link in bin sbin lib lib64; do mkdir -p usr/$link; ln -s usr/$link $link; done
		echo ID=test >etc/os-release; echo uninitialized >etc/machine-id; echo root:x:0:0:root:/root:/bin/sh >etc/passwd
		for program in sh bash cat chmod chown dd head id ln ls mkdir mount mountpoint mv rm rmdir sleep stat sync true umount; do
			path=$(type -P $program || type -P true)
			cp "$path" usr/bin/$program
			for library in $(ldd "$path" 2>/dev/null | grep -o '/[^ ]*'); do
				mkdir -p ".${library%/*}"; [ -e ".$library" ] || cp "$library" ".$library"
			done
		done
		fi
		cp -a "$1.whole" "$1"; cd "$1"; eval "$3"
		rm -f "$2"; truncate -s 64M "$2"; mkfs.ext4 -q -d . "$2"`

	out, err := exec.CommandContext(ctx, "bash", "-ec", script, "bash", tree, disk, change).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("make disk: %w: %s", err, out)
	}

	return disk, nil
}
