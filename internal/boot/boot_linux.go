// Package boot is the stage that proves that a finished disk starts: a virtual machine boots it as far as a login prompt.
//
// The console of the machine is reported as the output of a step, for a live display: it has hundreds of lines that
// matter only if the boot fails. The disk is never changed, nor anything kept of what the machine did.
package boot

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/sandbox/qemu"
)

// Boot boots disks. The zero value reports nothing.
type Boot struct {
	Report progress.Func
}

// Image boots the disk of an image that was just baked, in the image's own directory. It writes the whole console to the
// file log.
func (b Boot) Image(ctx context.Context, img image.Image, log string) error {
	defer b.Report.Stage("boot")()
	_, err := b.Logged(ctx, qemu.BootConfig{Disk: img.Disk, WorkDir: filepath.Dir(img.Disk), Arch: img.Arch}, log)
	return err
}

// Logged is Disk if log is "", else Disk with the whole console in the file log, whose directory it makes.
func (b Boot) Logged(ctx context.Context, config qemu.BootConfig, log string) (qemu.BootResult, error) {
	if log == "" {
		return b.Disk(ctx, config)
	}
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		return qemu.BootResult{}, fmt.Errorf("log console: %w", err)
	}
	file, err := os.Create(log)
	if err != nil {
		return qemu.BootResult{}, fmt.Errorf("log console: %w", err)
	}

	config.Console = both(file, config.Console)
	result, err := b.Disk(ctx, config)
	if failed := (*qemu.BootError)(nil); errors.As(err, &failed) {
		err = fault.New(fault.Done, err, "the whole console is in "+log)
	}

	return result, errors.Join(err, file.Close())
}

// Disk boots any disk. Its console is reported as it comes, and also written to config.Console, which may be nil. The
// error is a *qemu.BootError, with the last lines of the console, if the disk does not boot.
func (b Boot) Disk(ctx context.Context, config qemu.BootConfig) (qemu.BootResult, error) {
	if err := qemu.Preflight(cmp.Or(config.Arch, image.HostArch())); err != nil {
		return qemu.BootResult{}, err
	}
	step := progress.Step{Document: "image", Phase: "boot", Name: "boot", Iteration: -1}
	b.Report.Send(progress.Event{Kind: progress.StepStarted, Step: &step})
	start := time.Now()
	console := io.Writer(&lines{report: func(line string) {
		b.Report.Send(progress.Event{Kind: progress.StepOutput, Step: &step, Stream: "stdout", Text: line, Fleeting: true})
	}})

	config.Console = both(console, config.Console)

	result, err := qemu.Boot(ctx, config)
	done := progress.Event{Kind: progress.StepDone, Step: &step, Status: progress.Success, Elapsed: time.Since(start)}

	if err != nil {
		done.Status = progress.Failed
		done.Text = "no login prompt"
	}

	b.Report.Send(done)
	return result, err
}

// both writes to two writers, of which the second may be nil.
func both(one, other io.Writer) io.Writer {
	if other == nil {
		return one
	}
	return io.MultiWriter(one, other)
}

// lines cuts a console into lines and reports those that show something.
type lines struct {
	report func(line string)
	rest   []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		if text := string(line); strings.TrimSpace(ansi.Strip(text)) != "" {
			l.report(text)
		}
		l.rest = rest
	}
}
