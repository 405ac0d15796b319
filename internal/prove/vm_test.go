package prove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/base/basetest"
	"image-builder/internal/bootmap"
	"image-builder/internal/image"
	"image-builder/internal/mountns/mountnstest"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/qemu"
	"image-builder/internal/testbed/programtest"
)

func TestMain(m *testing.M) {
	mountnstest.Enter()
	code := m.Run()
	programtest.Remove()
	os.Exit(code)
}

// bootLimit is how long a boot may take on a busy machine without KVM.
const bootLimit = 20 * time.Minute

// Each way in which a real machine fails is told apart, with the last lines of its console and where it stopped.
func TestMachinesThatFail(t *testing.T) {
	t.Parallel()
	if err := qemu.Preflight(image.X86_64); err != nil || image.HostArch() != image.X86_64 {
		t.Skip("no virtual machine for this disk: ", err)
	}
	program := programtest.Path(t)

	for name, test := range map[string]struct {
		change func(root string) error
		script string // of the test phase
		want   []string
		limit  time.Duration // for its network; 0: as for a boot
	}{
		"the kernel panics": {
			change: script("usr/sbin/init", "echo c >/proc/sysrq-trigger"),
			want:   []string{"it does not boot: start sandbox: boot disk: the kernel panicked: sysrq triggered crash; the console's last lines:", "end Kernel panic"},
		},
		"its root is full": {
			change: fill, want: []string{"its root filesystem is full: 0 MiB are free", "Booting from Hard Disk"},
		},
		"its network never comes": {
			change: func(root string) error { return os.RemoveAll(filepath.Join(root, "etc/systemd/network")) },
			want:   []string{"its network never comes: no address on en", "Booting from Hard Disk"},
			limit:  time.Second,
		},
		"its test powers off": {
			script: "systemctl poweroff; sleep 1000",
			want:   []string{"step Try of own.yml switched the machine off or restarted it", "reboot: Power down"},
		},
		"emergency mode": {
			change: func(root string) error {
				line := "UUID=6a1c5d5e-0000-4000-8000-000000000000 /gone ext4 x-systemd.device-timeout=1s 0 2\n"
				return os.WriteFile(filepath.Join(root, "etc/fstab"), []byte(line), 0o644)
			},
			want: []string{"emergency mode"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := basetest.Quick(t)
			if test.change != nil {
				basetest.Change(t, path, test.change)
			}
			prove := Prove{
				Machines: map[image.TestIn]Machine{image.TestVM: {Start: start(program), Network: cmp.Or(test.limit, bootLimit)}},
				Binary:   program, Now: time.Now,
			}
			work := filepath.Join(dir, "work")
			if err := os.Mkdir(work, 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := prove.Run(t.Context(), Definition{
				Image: image.Image{ID: "img-1", Disk: path, Tests: tests(test.script)}, In: image.TestVM, Dir: work, Logs: filepath.Join(dir, "logs"),
			})
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %q", err, want)
				}
			}
			nothingLeft(t, filepath.Dir(dir), work)
		})
	}
}

// start boots disks by BIOS, which takes less than UEFI.
func start(program string) func(context.Context, string, string, []sandbox.Share) (sandbox.Machine, error) {
	return func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		return startVM(ctx, program, qemu.BootConfig{Disk: disk, WorkDir: workDir}, shares)
	}
}

// watched is start, watched.
func watched(program string) func(context.Context, *bootmap.Watch, string, string, []sandbox.Share) (sandbox.Machine, error) {
	return func(ctx context.Context, watch *bootmap.Watch, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		return startVM(ctx, program, qemu.BootConfig{Disk: disk, WorkDir: workDir, Blocks: watch.Blocks, Console: watch.Console()}, shares)
	}
}

func startVM(ctx context.Context, program string, config qemu.BootConfig, shares []sandbox.Share) (sandbox.Machine, error) {
	config.Firmware = image.BIOS
	config.Memory = 512
	config.CPUs = 1
	config.Timeout = bootLimit
	m, err := qemu.Start(ctx, qemu.Config{BootConfig: config, Shares: shares, Program: program})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func script(name, text string) func(root string) error {
	return func(root string) error {
		path := filepath.Join(root, name)
		return errors.Join(os.Remove(path), os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	}
}

// fill leaves less than an agent needs.
func fill(root string) error {
	file, err := os.Create(filepath.Join(root, "full"))
	if err != nil {
		return err
	}
	defer file.Close()
	piece := make([]byte, 1<<20)
	for {
		if _, err := file.Write(piece); err != nil {
			return nil // as intended
		}
	}
}

// tests is a document whose test phase runs a script; none for "".
func tests(script string) []image.Test {
	if script == "" {
		script = "true"
	}
	text := fmt.Sprintf("schemaVersion: 1.0\nphases:\n  - name: test\n    steps:\n      - name: Try\n        action: ExecuteBash\n        timeoutSeconds: 1200\n        inputs: {commands: ['%s']}\n", script)
	return []image.Test{{Name: "own.yml", Document: text, Parameters: []byte("null")}}
}

func nothingLeft(t *testing.T, dir, work string) {
	t.Helper()
	if left, _ := os.ReadDir(work); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range append(backing, processes...) {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), dir) {
			t.Errorf("still there: %s: %q", name, text)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("still mounted: %v", err)
	}
}
