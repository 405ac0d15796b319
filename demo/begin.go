package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"image-builder/demo/walk"
	"image-builder/internal/base"
	"image-builder/internal/image"
	"image-builder/internal/progress"
)

// building is where the base is made while the program is compiled. Its owner holds a lock on it; the next demo clears
// what a killed one left there.
const building = "build/demo-base"

// begin has the program compiled and, unless an earlier demo did, the base built.
func (d demo) begin(ctx context.Context) (err error) {
	bases, err := filepath.Glob(filepath.Join(d.Data, "bases", "*", "disk.raw"))
	if err != nil || len(bases) > 0 {
		return errors.Join(err, compile(ctx, func(string, ...any) {}))
	}
	walk.Heading("A base to start from: a bootable Debian. It is built once, while the program is compiled")
	place, err := claim()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(filepath.Join(building, "base")), place.Close()) }()

	start := time.Now()
	var line sync.Mutex
	say := func(format string, args ...any) {
		line.Lock()
		defer line.Unlock()
		fmt.Printf("%5.0f s  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
	}

	both, working := errgroup.WithContext(ctx)
	both.Go(func() error { return compile(working, say) })
	both.Go(func() error { return build(working, say) })
	if err := both.Wait(); err != nil {
		return err
	}

	return d.Show(ctx, "base", "pull", filepath.Join(building, "base", "disk.raw"), "--name", walk.Debian)
}

// claim clears the directory for the base and holds it until the returned file is closed.
func claim() (*os.File, error) {
	if err := os.MkdirAll(building, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for the base: %w", err)
	}
	place, err := os.Open(building)
	if err != nil {
		return nil, fmt.Errorf("open directory for the base: %w", err)
	}
	if err := unix.Flock(int(place.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: another demo builds its base: %w", building, err), place.Close())
	}

	err = errors.Join(os.RemoveAll(filepath.Join(building, "base")), os.Mkdir(filepath.Join(building, "base"), 0o700))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("clear directory for the base: %w", err), place.Close())
	}
	return place, nil
}

// build does what `image-builder base build debian:bookworm` does.
func build(ctx context.Context, say func(format string, args ...any)) error {
	if err := base.BuildPreflight(); err != nil {
		return err
	}
	d, _, err := image.ParseDistribution(walk.Debian)
	if err != nil {
		return err
	}

	report := func(e progress.Event) {
		if e.Kind == progress.StageStarted {
			say("base: %s", e.Stage)
		}
	}

	_, err = base.Maker{Dir: filepath.Join(building, "base"), Progress: report, Now: time.Now}.Build(ctx, base.Distribution{Distribution: d})
	if err != nil {
		return err
	}
	say("base: ready")
	return nil
}

// compile runs `make build` as the user who ran `make demo`, whose build cache it fills.
func compile(ctx context.Context, say func(format string, args ...any)) error {
	say("program: compile")
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "--silent", "build")
	said := &lines{out: os.Stderr, without: "go: downloading "} // a hundred of them
	cmd.Stdout = said
	cmd.Stderr = said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second

	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "MAKE") || strings.HasPrefix(variable, "MFLAGS=")
	})
	if err := as(cmd, os.Getenv("SUDO_UID")); err != nil {
		return fmt.Errorf("compile program: %w", err)
	}
	if err := cmd.Run(); err != nil {
		return errors.Join(context.Cause(ctx), fmt.Errorf("compile program: make build: %w", err))
	}
	say("program: ready")
	return nil
}

// as lets a command run as the user with this ID; "" changes nothing.
func as(cmd *exec.Cmd, id string) error {
	if id == "" {
		return nil
	}
	caller, err := user.LookupId(id)
	if err != nil {
		return err
	}

	uid, errUser := strconv.ParseUint(caller.Uid, 10, 32)
	gid, errGroup := strconv.ParseUint(caller.Gid, 10, 32)
	if err := errors.Join(errUser, errGroup); err != nil {
		return err
	}

	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	cmd.Env = append(cmd.Env, "HOME="+caller.HomeDir, "USER="+caller.Username, "LOGNAME="+caller.Username)
	return nil
}

// lines passes on whole lines, except those with a certain beginning.
type lines struct {
	out     io.Writer
	without string
	begun   []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.begun = append(l.begun, p...)
	for {
		line, rest, whole := bytes.Cut(l.begun, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		if !bytes.HasPrefix(line, []byte(l.without)) {
			if _, err := fmt.Fprintf(l.out, "%s\n", line); err != nil {
				return 0, err
			}
		}
		l.begun = rest
	}
}
