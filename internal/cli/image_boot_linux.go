package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/progress"
	"image-builder/internal/sandbox/qemu"
	"image-builder/internal/terminal"
)

// ImageBootCmd is `image boot`.
type ImageBootCmd struct {
	Disk    string        `arg:"" help:"Image, a unique prefix of its ID, or latest; or a raw disk file." placeholder:"ID|FILE"`
	Timeout time.Duration `help:"How long the boot may take (2m, or 5m under software emulation)." placeholder:"DURATION"`
}

// Help is what --help adds.
func (c *ImageBootCmd) Help() string {
	return `Starts the disk in a virtual machine without a network, shows its serial console, and ends when the console shows a
login prompt. The disk is not changed. A boot that leads elsewhere fails, and says where.

Examples:
  image-builder image boot latest
  image-builder image boot ./agent.raw --timeout 10m`
}

// Run boots.
func (c *ImageBootCmd) Run(ctx context.Context, env *Env) error {
	config := qemu.BootConfig{Disk: c.Disk, Timeout: c.Timeout}

	if info, err := os.Stat(c.Disk); err != nil || !info.Mode().IsRegular() {
		img, err := env.image(ctx, c.Disk)
		if err != nil {
			return err
		}
		config.Disk, config.Arch = img.Disk, img.Arch
	}

	result, err := env.boot(ctx, config)
	if err != nil {
		return err
	}

	return env.result(map[string]any{
		"disk": config.Disk, "prompt": result.Prompt, "seconds": result.Elapsed.Seconds(),
		"accelerator": result.Accel, "why": result.Why, "firmware": result.Firmware,
	}, bootLine(result), nil)
}

func (e *Env) image(ctx context.Context, id string) (img image.Image, err error) {
	err = e.withStore(ctx, func(store *local.Store) error {
		img, err = store.Image(ctx, id)
		return err
	})
	return img, err
}

// boot boots a disk and shows the console meanwhile.
func (e *Env) boot(ctx context.Context, config qemu.BootConfig) (qemu.BootResult, error) {
	watch := e.watcher()
	defer watch.Close()
	return bootDisk(ctx, config, watch.Report)
}

// bootDisk boots a disk and reports its console as the output of a step.
func bootDisk(ctx context.Context, config qemu.BootConfig, report progress.Func) (qemu.BootResult, error) {
	if err := qemu.Preflight(cmp.Or(config.Arch, image.HostArch())); err != nil {
		return qemu.BootResult{}, &ExitError{Code: BadMachine, Err: err}
	}
	step := progress.Step{Document: "image", Phase: "boot", Name: "boot", Iteration: -1}
	report.Report(progress.Event{Kind: progress.StepStarted, Step: &step})
	start := time.Now()
	config.Console = &consoleLines{func(line string) {
		report.Report(progress.Event{Kind: progress.StepOutput, Step: &step, Stream: "stdout", Text: line})
	}, nil}

	result, err := qemu.Boot(ctx, config)
	status := progress.Success
	text := ""

	if err != nil {
		status = progress.Failed
		text = "no login prompt"
	}

	report.Report(progress.Event{Kind: progress.StepDone, Step: &step, Status: status, Text: text, Elapsed: time.Since(start)})
	if isA[*qemu.BootError](err) {
		err = &ExitError{Code: NotUsable, Err: err}
	}

	return result, err
}

// bootLine says how a disk booted: "login prompt after 12.3 s (software emulation: …)".
func bootLine(result qemu.BootResult) string {
	line := fmt.Sprintf("login prompt after %.1f s", result.Elapsed.Seconds())
	if result.Accel == qemu.KVM {
		return line + " (KVM)"
	}
	return line + " (software emulation: " + result.Why + ")"
}

// consoleLines cuts a console into lines.
type consoleLines struct {
	report func(line string)
	rest   []byte
}

func (c *consoleLines) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	for {
		line, rest, found := bytes.Cut(c.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		if text := terminal.Harmless(string(line)); text != "" {
			c.report(text)
		}
		c.rest = rest
	}
}
