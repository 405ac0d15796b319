package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"image-builder/internal/boot"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/sandbox/qemu"
)

// ImageBootCmd is `image boot`.
type ImageBootCmd struct {
	Disk    string        `arg:"" help:"Image, a unique prefix of its ID, or latest; or a raw disk file." placeholder:"ID|FILE"`
	Timeout time.Duration `help:"How long the boot may take (2m, or 5m under software emulation)." placeholder:"DURATION"`
	Console string        `help:"Write the whole serial console to this file." type:"path" placeholder:"FILE"`
	Tracing

	stored bool // the disk is an image's
}

// Help is what --help adds.
func (c *ImageBootCmd) Help() string {
	return `Starts the disk in a virtual machine without a network, and ends when the serial console shows a login prompt. A
terminal shows the console meanwhile. The disk is not changed. A boot that leads elsewhere fails, and says where, with
the console's last lines.

With --trace, the boot map is shown too: how long firmware, kernel and units took, which blocks of 512 KiB were touched, and the files
and units behind them. Of an image it is kept for image show --boot-map. It says what to expect of a volume that is loaded from its snapshot. --html writes all this as a page that needs nothing else.

With --cold the boot is slow as on such a volume: each block of 512 KiB takes as long to load as a reader sees who gets 5 or 300 MiB/s.
The map then also says how long the boot waited, and for which files.

Examples:
  image-builder image boot latest
  image-builder image boot latest --trace boot.json
  image-builder image boot latest --cold 5MiB/s --html boot.html
  image-builder image boot ./agent.raw --timeout 10m --console boot.log`
}

// Run boots.
func (c *ImageBootCmd) Run(ctx context.Context, env *Env) error {
	config := qemu.BootConfig{Disk: c.Disk, Timeout: c.Timeout}

	if info, err := os.Stat(c.Disk); err != nil || !info.Mode().IsRegular() {
		img, err := env.image(ctx, c.Disk)
		if err != nil {
			return err
		}
		config.Disk = img.Disk
		config.Arch = img.Arch
		c.stored = true
	}

	if c.wanted() {
		return c.traced(ctx, env, config)
	}
	result, err := env.boot(ctx, config, c.Console)
	if err != nil {
		return err
	}

	return env.result(bootFacts(config, result), bootLine(result), nil)
}

// bootFacts is a boot as JSON.
func bootFacts(config qemu.BootConfig, result qemu.BootResult) map[string]any {
	return map[string]any{
		"disk": config.Disk, "prompt": result.Prompt, "seconds": result.Elapsed.Seconds(),
		"accelerator": result.Accel, "why": result.Why, "firmware": result.Firmware,
	}
}

func (e *Env) image(ctx context.Context, id string) (img image.Image, err error) {
	err = e.withStore(ctx, func(store *local.Store) error {
		img, err = store.Image(ctx, id)
		return err
	})
	return img, err
}

// boot boots a disk and shows the console meanwhile. The file log gets it too; "" for none.
func (e *Env) boot(ctx context.Context, config qemu.BootConfig, log string) (qemu.BootResult, error) {
	watch := e.watcher()
	defer watch.Close()
	return boot.Boot{Report: watch.Report}.Logged(ctx, config, log)
}

// bootLine says how a disk booted: "login prompt after 12.3 s (software emulation: …)".
func bootLine(result qemu.BootResult) string {
	line := fmt.Sprintf("login prompt after %.1f s", result.Elapsed.Seconds())
	if result.Accel == qemu.KVM {
		return line + " (KVM)"
	}
	return line + " (software emulation: " + result.Why + ")"
}
