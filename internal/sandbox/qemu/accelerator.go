package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"image-builder/internal/image"
)

// Accelerator is what executes the guest's instructions.
type Accelerator string

// The accelerators: the processor itself, or software.
const (
	KVM       Accelerator = "kvm"
	Emulation Accelerator = "tcg"
)

// probeTimeout bounds the guest that tries KVM out; it runs a dozen instructions.
const probeTimeout = 5 * time.Second

// chooseAccelerator takes KVM if it works, and says why not otherwise.
func chooseAccelerator(ctx context.Context, program string, arch image.Arch, workDir string) (Accelerator, string) {
	if arch != hostArch() {
		return Emulation, fmt.Sprintf("the disk is for %s, this machine is not", arch)
	}
	device, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return Emulation, "there is no /dev/kvm"
	}
	if err != nil {
		return Emulation, err.Error()
	}

	device.Close()
	if arch != image.X86_64 {
		return KVM, ""
	}
	if err := probe(ctx, program, workDir); err != nil {
		return Emulation, "/dev/kvm is present, but " + err.Error()
	}

	return KVM, ""
}

func hostArch() image.Arch {
	if runtime.GOARCH == "arm64" {
		return image.ARM64
	}
	return image.X86_64
}

// probeStatus is how QEMU ends when the probe wrote 0x20 to its isa-debug-exit device: twice that, plus 1.
const probeStatus = 0x41

// probeROM is a firmware that uses the floating-point unit and CPUID, which half-working nested virtualisation cannot
// do, and then ends QEMU through port 0x501.
func probeROM() []byte {
	rom := make([]byte, 64<<10)
	copy(rom[0xff00:], []byte{
		0x9b, 0xdb, 0xe3, // finit
		0x0f, 0xa2, // cpuid
		0xb0, 0x20, // mov al, 0x20
		0xba, 0x01, 0x05, // mov dx, 0x501
		0xee,       // out dx, al
		0xf4,       // hlt
		0xeb, 0xfd, // jmp to the hlt
	})

	copy(rom[0xfff0:], []byte{0xe9, 0x0d, 0xff}) // a processor starts here: jmp 0xff00
	return rom
}

// probe runs a guest of a dozen instructions under KVM.
func probe(ctx context.Context, program, workDir string) error {
	rom := filepath.Join(workDir, "probe.rom")
	if err := os.WriteFile(rom, probeROM(), 0o600); err != nil {
		return err
	}
	defer os.Remove(rom)

	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	//nolint:noctx // run ends it with its context, and waits
	guest := exec.Command(program, "-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "32", "-nodefaults",
		"-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0x501,iosize=1", "-bios", rom)
	crash := &crashWatch{found: cancel}
	guest.Stdout = crash
	guest.Stderr = crash
	err := run(ctx, guest)

	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == probeStatus:
		return nil
	case crash.crashed():
		return errors.New("guests crash under it (" + crash.first() + ")")
	case ctx.Err() != nil:
		return fmt.Errorf("a tiny guest did not end in %s", probeTimeout)
	default:
		return fmt.Errorf("a tiny guest failed: %s", crash.first())
	}
}

// crashWatch looks for what QEMU says when it stops a guest that KVM cannot run.
type crashWatch struct {
	text  bytes.Buffer
	found func()
}

const crashMark = "KVM internal error"

func (c *crashWatch) Write(p []byte) (int, error) {
	if c.text.Len() < 64<<10 {
		c.text.Write(p)
	}
	if c.crashed() {
		c.found()
	}
	return len(p), nil
}

func (c *crashWatch) crashed() bool { return bytes.Contains(c.text.Bytes(), []byte(crashMark)) }

func (c *crashWatch) first() string {
	line, _, _ := strings.Cut(c.text.String(), "\n")
	return strings.TrimSpace(line)
}

// Acceleration is Accel as a text.
func (m *Machine) Acceleration() string { return string(m.Accel) }
