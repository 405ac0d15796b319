// Package qemu boots a raw disk in a virtual machine: to see that it can (Boot), or to run commands in it (Start).
//
// The disk is opened for reading only: what the guest writes goes to a temporary file that has no name and goes with
// the QEMU process. The guest has no network and gets no input. The package needs no root, if the disk can be read;
// it never looks at what the guest does beyond its serial console.
//
// Written from qemu(1), QEMU 7.2.
package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// BootConfig says what to boot, and how.
type BootConfig struct {
	Disk string // a raw disk file
	// WorkDir holds what the guest writes, while it runs; empty: a new temporary directory.
	WorkDir  string
	Arch     image.Arch     // empty: this machine's
	Firmware image.Firmware // empty: what the disk is made for
	Memory   int            // MiB; 0: 1024
	CPUs     int            // 0: 2
	// Timeout bounds the boot; 0: 2 minutes, or 5 under software emulation.
	Timeout time.Duration
	Console io.Writer // gets the serial console as it comes, control sequences included; may be nil
	// Blocks opens a stream to a server of the disk's blocks, which speaks NBD, at each start of a guest; nil: QEMU reads
	// the disk itself.
	Blocks func() (*os.File, error)
}

// BootResult tells how a disk booted.
type BootResult struct {
	Accel Accelerator
	// Why says why the processor's own virtualisation is not used; empty if it is.
	Why      string
	Firmware image.Firmware
	Prompt   string // the login prompt: "host login:"
	Elapsed  time.Duration
}

// BootError says why a disk did not boot as far as a login prompt.
type BootError struct {
	Reason string
	// Console are the last lines of the serial console.
	Console []string
}

func (e *BootError) Error() string {
	text := "boot disk: " + e.Reason
	if len(e.Console) > 0 {
		text += "; the console's last lines:\n  " + strings.Join(e.Console, "\n  ")
	}
	return text
}

// Class is that of things that cannot be used.
func (e *BootError) Class() fault.Class { return fault.NotUsable }

// Hint is empty: the reason says what to do.
func (e *BootError) Hint() string { return "" }

// shownLines is how much of the console an error shows.
const shownLines = 15

// Boot boots a disk and returns when a login prompt is on its serial console. The guest is then killed: nothing of
// what it did is kept. A disk that does not boot yields a BootError. If KVM fails the guest half-way, it is booted
// again under software emulation.
func Boot(ctx context.Context, config BootConfig) (result BootResult, err error) {
	config, err = complete(config)
	if err != nil {
		return result, err
	}

	if config.WorkDir == "" {
		config.WorkDir, err = os.MkdirTemp("", "image-builder-boot-")
		if err != nil {
			return result, fmt.Errorf("boot disk: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(config.WorkDir)) }()
	}

	name, _ := system(config.Arch)
	program, err := exec.LookPath(name)
	if err != nil {
		return result, Preflight(config.Arch)
	}
	accel, why := chooseAccelerator(ctx, program, config.Arch, config.WorkDir)
	result, err = boot(ctx, program, config, accel)
	if failed := new(BootError); accel == KVM && errors.As(err, &failed) && failed.Reason == crashMark {
		why = "/dev/kvm is present, but the guest crashed under it"
		result, err = boot(ctx, program, config, Emulation)
	}

	result.Why = why
	return result, err
}

func complete(config BootConfig) (_ BootConfig, err error) {
	if config.Arch == "" {
		config.Arch = hostArch()
	}

	if config.Memory == 0 {
		config.Memory = 1024
	}

	if config.CPUs == 0 {
		config.CPUs = 2
	}

	if config.Console == nil {
		config.Console = io.Discard
	}

	if config.Firmware == "" {
		config.Firmware, err = firmwareOf(config.Arch, config.Disk)
	}

	return config, err
}

// boot is one try.
func boot(ctx context.Context, program string, config BootConfig, accel Accelerator) (BootResult, error) {
	result := BootResult{Accel: accel, Firmware: config.Firmware}
	arguments, err := arguments(config, accel, firstDescriptor)
	if err != nil {
		return result, err
	}
	blocks, err := config.blocks()
	if err != nil {
		return result, err
	}
	defer closeAll(blocks)

	timeout := config.Timeout
	if timeout == 0 {
		timeout = map[Accelerator]time.Duration{KVM: 2 * time.Minute, Emulation: 5 * time.Minute}[accel]
	}

	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	serial := &console{next: config.Console, silent: true, done: cancel}
	guest := exec.Command(program, arguments...) //nolint:noctx // run ends it with its context, and waits
	guest.Env = append(os.Environ(), "TMPDIR="+config.WorkDir)
	guest.Stdout = serial
	guest.Stderr = serial
	guest.ExtraFiles = blocks
	err = run(bounded, guest)
	result.Elapsed = time.Since(start)
	result.Prompt = serial.prompt
	if result.Prompt != "" {
		return result, nil
	}

	if cause := context.Cause(ctx); cause != nil {
		return result, fmt.Errorf("boot disk: %w", cause)
	}
	return result, &BootError{serial.reason(err, timeout, bounded.Err() != nil), serial.lines()}
}

// startJob is what systemd shows while a unit takes long.
var startJob = regexp.MustCompile(`A (?:start|stop) job is running for ([^\n(]+)`)

// job names the unit that the boot waits for: "; it waits for …".
func (c *console) job() string {
	c.lock.Lock()
	defer c.lock.Unlock()
	found := startJob.FindAllSubmatch(escapes.ReplaceAll(c.text, nil), -1)
	if len(found) == 0 {
		return ""
	}
	return "; it waits for " + strings.TrimSpace(string(found[len(found)-1][1]))
}

// reason says why a boot led to no prompt.
func (c *console) reason(err error, timeout time.Duration, late bool) string {
	failure := c.failed()
	switch {
	case failure != "":
		return failure
	case late && c.silent:
		return fmt.Sprintf("nothing on the serial console in %s: the kernel's command line needs console=ttyS0", timeout)
	case late:
		return fmt.Sprintf("no login prompt in %s%s: raise --timeout, or see where it hangs", timeout, c.job())
	case err != nil:
		return "QEMU ended: " + err.Error()
	default:
		return "the machine switched itself off or restarted before a login prompt"
	}
}

// firstDescriptor is the number that QEMU has the first of its extra files under.
const firstDescriptor = 3

// blocks opens the stream of the disk's blocks, if they come by one.
func (c BootConfig) blocks() ([]*os.File, error) {
	if c.Blocks == nil {
		return nil, nil
	}
	stream, err := c.Blocks()
	return []*os.File{stream}, err
}

func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close() // QEMU has its own
	}
}

// drive is where QEMU has the disk from: the file, or the stream of blocks that is its descriptor.
func (c BootConfig) drive(descriptor int) string {
	if c.Blocks == nil {
		return "file=" + escape(c.Disk)
	}
	return fmt.Sprintf("file.driver=nbd,file.server.type=fd,file.server.str=%d", descriptor)
}

// arguments are QEMU's; blocks is the descriptor of the stream of blocks, if there is one.
func arguments(config BootConfig, accel Accelerator, blocks int) ([]string, error) {
	args := []string{
		"-nodefaults", "-display", "none", "-no-reboot", "-nic", "none",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-cpu", "max", "-smp", strconv.Itoa(config.CPUs), "-m", strconv.Itoa(config.Memory),
		"-device", "virtio-rng-pci",
		"-drive", "if=none,id=disk,format=raw,snapshot=on," + config.drive(blocks),
		"-device", "virtio-blk-pci,drive=disk,bootindex=0", // a BIOS tries one disk only
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
	}

	machine := "q35,graphics=off" // so that a BIOS speaks on the serial port
	if config.Arch == image.ARM64 {
		machine = "virt"
	}

	args = append(args, "-machine", machine)
	if accel == KVM {
		args = append(args, "-accel", "kvm")
	} else {
		// MiB of translated code: with the default of 1 GiB, what a guest ran before a restart is kept, and slows the
		// firmware and the boot loader after it to minutes.
		args = append(args, "-accel", "tcg,thread=multi,tb-size=64")
	}

	if config.Firmware == image.BIOS {
		return args, nil
	}
	found, err := findFlash(config.Arch)
	return append(args,
		"-drive", "if=pflash,format=raw,readonly=on,file="+escape(found.code),
		"-drive", "if=pflash,format=raw,snapshot=on,file="+escape(found.variables)), err
}

// escape keeps QEMU from taking a comma for the end of a value.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }
