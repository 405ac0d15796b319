package base

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"image-builder/internal/progress"
)

// run runs a program to its end, as a step. The program and its children are killed when ctx ends or this process
// dies. Its output is reported line by line, and its last lines are part of the error.
func (m Maker) run(ctx context.Context, env []string, program string, args ...string) error {
	step := progress.Step{Document: "base", Phase: "build", Name: program, Iteration: -1}
	if program == "unshare" {
		step.Name = "mmdebstrap"
	}

	m.Progress.Send(progress.Event{Kind: progress.StepStarted, Step: &step})
	start := time.Now()
	status := progress.Success

	err := m.start(ctx, &step, env, program, args...)
	if err != nil {
		status = progress.Failed
	}

	m.Progress.Send(progress.Event{Kind: progress.StepDone, Step: &step, Status: status, Elapsed: time.Since(start)})
	return err
}

func (m Maker) start(ctx context.Context, step *progress.Step, env []string, program string, args ...string) error {
	// the kernel kills the child when the thread that started it ends, so the thread must stay
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 10 * time.Second
	in, out := io.Pipe()
	cmd.Stdout = out
	cmd.Stderr = out
	tail := make(chan []string)

	go func() { tail <- m.relay(in, step) }()
	err := cmd.Run()
	_ = out.Close() // of an in-memory pipe: always nil
	lines := <-tail

	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w:\n%s", step.Name, err, strings.Join(lines, "\n"))
	}

	return nil
}

// relay reports each line and returns the last ones.
func (m Maker) relay(in io.Reader, step *progress.Step) []string {
	var last []string
	lines := bufio.NewScanner(in)
	lines.Split(scanLines)

	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		last = append(last[max(0, len(last)-14):], text)
		if shown := withoutNoise(text); shown != "" {
			m.Progress.Send(progress.Event{Kind: progress.StepOutput, Step: step, Stream: "stderr", Text: shown})
		}
	}

	// a line too long for the scanner must not block the program
	_, _ = io.Copy(io.Discard, in)
	return last
}

// withoutNoise returns a program's line as people should see it; "" to hide it. mmdebstrap marks progress as I:, and
// warns that apt does not change to its own user _apt: it cannot, because Maker's directory is private.
func withoutNoise(line string) string {
	if strings.HasPrefix(line, "W:") && strings.Contains(line, "user _apt") {
		return ""
	}
	text, isInfo := strings.CutPrefix(line, "I: ")
	if !isInfo {
		return line
	}

	for _, doing := range []string{"running", "downloading", "extracting", "installing", "cleaning"} {
		if strings.HasPrefix(text, doing) {
			return text
		}
	}

	return ""
}

// scanLines splits at newlines and at the carriage returns of progress bars.
func scanLines(data []byte, atEOF bool) (int, []byte, error) {
	for i, b := range data {
		if b == '\n' || b == '\r' {
			return i + 1, data[:i], nil
		}
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
