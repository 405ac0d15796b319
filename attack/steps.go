package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"image-builder/internal/local"
)

// stepRounds is how often a bake is killed at each step.
const stepRounds = 10

// killSteps stops bakes at each step of their commit and ends them there with kill -9. Before the step that commits
// there is no new image afterwards, and from it on there is a whole one.
func killSteps(ctx context.Context, l lab, c *count) error {
	bake, err := l.prepare(ctx)
	if err != nil {
		return err
	}
	before, err := l.look(ctx)
	if err != nil {
		return err
	}

	for range stepRounds {
		committed := false
		for _, step := range local.CommitSteps() {
			landed, err := l.killAt(ctx, step, bake...)
			if err != nil {
				return err
			}
			after, wrongs := l.faults(ctx, before)

			if ctx.Err() != nil {
				return ctx.Err()
			}

			committed = committed || step == local.Committed
			if isThere := len(after.images) > len(before.images); isThere != committed {
				wrongs = append(wrongs, fmt.Sprintf("killed at %q: a new image is there: %t, want %t", step, isThere, committed))
			}

			c.judge(landed, wrongs)
			before = after
		}
	}

	c.note("%d steps: %v", len(local.CommitSteps()), local.CommitSteps())
	return nil
}

// killAt starts the program, which stops itself at a step, and ends it there. It fails if the program never stopped.
func (l lab) killAt(ctx context.Context, step string, args ...string) (landed bool, err error) {
	cmd := l.command(ctx, args...)
	cmd.Env = append(cmd.Env, local.StopVariable+"="+step)
	var text bytes.Buffer
	cmd.Stderr = &text
	if err := cmd.Start(); err != nil {
		return false, err
	}

	isStopped := awaitStop(ctx, cmd)
	killErr := cmd.Process.Kill()
	_ = cmd.Wait() // its status is in ProcessState
	if !isStopped {
		return false, errors.Join(fmt.Errorf("the bake did not stop at %q: %s", step, text.String()), ctx.Err())
	}

	return wasKilled(cmd), killErr
}

// awaitStop waits, within patience, until a process is stopped (state T in /proc/PID/stat, proc(5)) or has ended: it is a
// zombie (Z) for a second. A process that executes itself from another thread than its first looks like one meanwhile.
func awaitStop(ctx context.Context, cmd *exec.Cmd) bool {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	zombie := 0
	for zombie < 200 && bounded.Err() == nil {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		_, rest, found := bytes.Cut(text, []byte(") "))
		switch {
		case err != nil, !found:
			return false
		case rest[0] == 'Z':
			zombie++
		case rest[0] == 'T':
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}

	return false
}
