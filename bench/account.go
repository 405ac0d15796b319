package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// account is a test server in a process of its own, and what the others need to reach it.
type account struct {
	env      []string // NAME=value
	endpoint string   // of the EBS direct APIs
	ami      string   // whose root disk is the server's --disk

	cmd    *exec.Cmd
	output io.ReadCloser // comments about the calls follow the environment
	errors bytes.Buffer
}

// openAccount starts a server that has an AMI of a disk and waits before each EBS call. It has no quotas, and keeps
// blocks in memory, so that only its own work bounds the clients.
func (b *bench) openAccount(ctx context.Context, disk string, latency time.Duration) (*account, error) {
	a := &account{cmd: command(ctx, b.account, "--disk", disk, "--latency", latency.String(), "--no-quotas")}
	a.cmd.Env = append(os.Environ(), "TMPDIR="+inMemory())
	a.cmd.Stderr = &a.errors
	var err error
	a.output, err = a.cmd.StdoutPipe()

	if err == nil {
		err = a.cmd.Start()
	}

	if err != nil {
		return nil, fmt.Errorf("start %s: %w", b.account, err)
	}

	if err := a.read(); err != nil {
		return nil, errors.Join(err, a.cmd.Process.Kill(), a.cmd.Wait(), errors.New(a.errors.String()))
	}
	return a, nil
}

// inMemory is a directory for temporary files that is in memory, or else the usual one.
func inMemory() string {
	const shm = "/dev/shm"
	var found unix.Statfs_t
	if err := unix.Statfs(shm, &found); err == nil && found.Bavail*uint64(found.Bsize) > 8<<30 {
		return shm
	}
	return os.TempDir()
}

var amiID = regexp.MustCompile(`\bami-[0-9a-f]+`)

// read reads the environment that the server prints when it is ready. A comment ends it.
func (a *account) read() error {
	lines := bufio.NewReader(a.output)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("read the environment of the test server: %w", err)
		}

		if comment, ok := strings.CutPrefix(line, "#"); ok {
			a.ami = amiID.FindString(comment)
			return nil
		}

		variable := strings.TrimSpace(strings.TrimPrefix(line, "export "))
		a.env = append(a.env, variable)
		if url, ok := strings.CutPrefix(variable, "AWS_ENDPOINT_URL_EBS="); ok {
			a.endpoint = url
		}
	}
}

// command is a program that talks to the server.
func (a *account) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := command(ctx, args...)
	cmd.Env = os.Environ()
	for _, variable := range a.env {
		if !strings.HasSuffix(variable, "=") { // coldsnap takes an empty session token for one
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

// close ends the server and returns how many calls of each operation it got, as SERVICE.OPERATION. A call that broke
// AWS's model is an error.
func (a *account) close() (map[string]int, error) {
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(a.output)
	err = errors.Join(err, a.cmd.Wait())

	if a.errors.Len() > 0 {
		err = errors.Join(err, errors.New(tail(a.errors.String())))
	}

	return callsIn(string(rest)), err
}

// callsIn reads the comments that a server ends with: "# ebs.PutSnapshotBlock 92".
func callsIn(text string) map[string]int {
	calls := map[string]int{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "#" {
			continue
		}
		if count, err := strconv.Atoi(fields[2]); err == nil {
			calls[fields[1]] = count
		}
	}
	return calls
}
