// Package boot is the stage that proves that a finished disk starts: a virtual machine boots it as far as a login prompt.
//
// The console of the machine is reported as the output of a step. The disk is never changed, nor anything kept of what
// the machine did.
package boot

import (
	"bytes"
	"cmp"
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/sandbox/qemu"
)

// Boot boots disks. The zero value reports nothing.
type Boot struct {
	Report progress.Func
}

// Image boots the disk of an image that was just baked, in the image's own directory.
func (b Boot) Image(ctx context.Context, img image.Image) error {
	defer b.Report.Stage("boot")()
	_, err := b.Disk(ctx, qemu.BootConfig{Disk: img.Disk, WorkDir: filepath.Dir(img.Disk), Arch: img.Arch})
	return err
}

// Disk boots any disk. The error is a *qemu.BootError if the disk does not boot.
func (b Boot) Disk(ctx context.Context, config qemu.BootConfig) (qemu.BootResult, error) {
	if err := qemu.Preflight(cmp.Or(config.Arch, image.HostArch())); err != nil {
		return qemu.BootResult{}, err
	}
	step := progress.Step{Document: "image", Phase: "boot", Name: "boot", Iteration: -1}
	b.Report.Send(progress.Event{Kind: progress.StepStarted, Step: &step})
	start := time.Now()
	config.Console = &lines{report: func(line string) {
		b.Report.Send(progress.Event{Kind: progress.StepOutput, Step: &step, Stream: "stdout", Text: line})
	}}

	result, err := qemu.Boot(ctx, config)
	done := progress.Event{Kind: progress.StepDone, Step: &step, Status: progress.Success, Elapsed: time.Since(start)}

	if err != nil {
		done.Status = progress.Failed
		done.Text = "no login prompt"
	}

	b.Report.Send(done)
	return result, err
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
