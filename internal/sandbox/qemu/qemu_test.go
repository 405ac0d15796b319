package qemu

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/image"
)

// talker is a disk whose boot sector writes text to the serial port and then halts, or runs more. No interrupt comes between:
// on a timer's, SeaBIOS writes the end of its own last line.
func talker(t *testing.T, text string, more ...byte) string {
	t.Helper()
	code := []byte{
		0xfa,       // cli
		0xfc,       // cld
		0x31, 0xc0, // xor ax, ax
		0x8e, 0xd8, // mov ds, ax
		0xbe, 0x00, 0x7c, // mov si, text
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xac,       // next: lodsb
		0x84, 0xc0, // test al, al
		0x74, 0x03, // jz end
		0xee,       // out dx, al
		0xeb, 0xf8, // jmp next
	}

	code = append(code, more...)
	code = append(code, 0xf4, 0xeb, 0xfd) // end: hlt, for ever
	code[7] = byte(len(code))
	sector := make([]byte, 512)
	copy(sector, append(code, "\r\n"+text...))
	sector[510] = 0x55
	sector[511] = 0xaa

	path := filepath.Join(t.TempDir(), "a disk, with a comma.raw")
	if err := os.WriteFile(path, append(sector, make([]byte, 1<<20)...), 0o400); err != nil {
		t.Fatal(err)
	}

	return path
}

func needQEMU(t *testing.T) {
	t.Helper()
	if err := Preflight(image.X86_64); err != nil {
		t.Skip(err)
	}
}

func TestBoot(t *testing.T) {
	t.Parallel()
	needQEMU(t)

	for _, test := range []struct {
		name, text string
		more       []byte
		firmware   image.Firmware
		prompt     string
		reason     string
	}{
		{"login prompt", "Debian GNU/Linux 12 host ttyS0\r\n\r\n\x1b[0mhost-1 login: ", nil, image.BIOS, "host-1 login:", ""},
		{"a login that is not a prompt", "audit: last login: never\n", nil, image.BIOS, "", "no login prompt in 3s"},
		{"panic", "[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n", nil, image.BIOS, "", "the kernel panicked: VFS: Unable to mount root fs"},
		{"emergency", "You are in emergency mode. After logging in\n", nil, image.BIOS, "", "emergency mode"},
		{"initramfs", "ALERT! gone. Dropping to a shell!\n(initramfs) ", nil, image.BIOS, "", "did not find the root"},
		{"grub", "error: no such device\ngrub rescue> ", nil, image.BIOS, "", "GRUB did not find"},
		{"restart", "bye\n", []byte{0xb0, 0xfe, 0xe6, 0x64}, image.BIOS, "", "restarted before a login prompt"}, // the keyboard controller's reset
		{"nothing to boot", "", nil, image.UEFI, "", "found nothing to boot"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var seen bytes.Buffer
			config := BootConfig{
				Disk: talker(t, test.text, test.more...), WorkDir: t.TempDir(), Arch: image.X86_64,
				Firmware: test.firmware, Memory: 128, CPUs: 1, Console: &seen, Timeout: patience,
			}

			if strings.Contains(test.reason, "3s") {
				config.Timeout = 3 * time.Second
			}

			before := digest(t, config.Disk)
			result, err := Boot(t.Context(), config)
			if result.Prompt != test.prompt || (err == nil) != (test.prompt != "") {
				t.Errorf("prompt %q, error %v", result.Prompt, err)
			}
			if failed := new(BootError); test.reason != "" && (!errors.As(err, &failed) || !strings.Contains(failed.Reason, test.reason)) {
				t.Errorf("error %v, want %q", err, test.reason)
			}
			if test.prompt != "" && !strings.Contains(seen.String(), test.text) {
				t.Errorf("the console has %q", seen.String())
			}

			if result.Accel != KVM && result.Why == "" {
				t.Error("nothing says why KVM is not used")
			}
			if digest(t, config.Disk) != before {
				t.Error("the disk changed")
			}
			if left, _ := os.ReadDir(config.WorkDir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func digest(t *testing.T, path string) [32]byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(content)
}

func TestBootIsSilent(t *testing.T) {
	t.Parallel()
	c := console{silent: true}
	if got := c.reason(nil, time.Minute, true); !strings.Contains(got, "console=ttyS0") {
		t.Error(got)
	}
}

// A reason does not depend on where the console's pieces end.
func TestReasonComesInPieces(t *testing.T) {
	t.Parallel()
	c := console{next: io.Discard, done: func() {}}
	for _, piece := range []string{"Kernel panic - not syncing", ": Attempted to kill ", "init! exitcode=0x00000000\n"} {
		if _, err := c.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}

	if got := c.reason(nil, time.Minute, true); !strings.HasPrefix(got, "its init ended, and the kernel panicked: Attempted to kill init!") {
		t.Error(got)
	}
}

func TestBootCancelled(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	why := errors.New("the person had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	seen := writer(func(p []byte) (int, error) { cancel(why); return len(p), nil })
	_, err := Boot(ctx, BootConfig{Disk: talker(t, "booting\n"), Arch: image.X86_64, Firmware: image.BIOS, Memory: 128, Console: seen})
	if !errors.Is(err, why) {
		t.Errorf("%v, want the cause of the cancellation", err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestFirmwareOf(t *testing.T) {
	t.Parallel()
	got, err := firmwareOf(image.ARM64, "/absent")
	if got != image.UEFI || err != nil {
		t.Errorf("arm64: %s, %v", got, err)
	}
	if _, err := firmwareOf(image.X86_64, "/absent"); err == nil {
		t.Error("an absent disk has a firmware")
	}
}

// The probe's answer depends on the machine, but it must come in time and, if it is no, say why.
func TestChooseAccelerator(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	name, _ := system(image.X86_64)
	start := time.Now()

	accel, why := chooseAccelerator(t.Context(), name, image.X86_64, t.TempDir())
	if (accel == KVM) != (why == "") {
		t.Errorf("%s: %q", accel, why)
	}
	if took := time.Since(start); took > probeTimeout+2*time.Minute {
		t.Errorf("took %s", took)
	}

	t.Logf("%s %s", accel, why)
}
