package qemu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/base/basetest"
	"image-builder/internal/image"
	"image-builder/internal/mountns/mountnstest"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/sandboxtest"
	"image-builder/internal/testbed/programtest"
)

func TestMain(m *testing.M) {
	mountnstest.Enter()
	code := m.Run()
	programtest.Remove()
	os.Exit(code)
}

// patience is how long a boot may take on a busy machine without KVM.
const patience = 15 * time.Minute

func TestMachine(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	program := programtest.Path(t)
	path := basetest.Quick(t)
	before := digest(t, path)

	sandboxtest.Booted(t, path, func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		m, err := Start(ctx, Config{
			BootConfig: BootConfig{Disk: disk, WorkDir: workDir, Memory: 512, CPUs: 1, Timeout: patience}, Program: program,
			Shares: append(shares, sandbox.Share{Source: program, Target: "/run/image-builder/image-builder", ReadOnly: true}),
		})
		if err != nil {
			return nil, err
		}
		t.Logf("booted by %s %s", m.Accel, m.Why)
		return m, nil
	})

	if digest(t, path) != before {
		t.Error("the disk changed")
	}
}

// A disk that does not come up fails within its limit, and says how.
func TestMachineThatFails(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	program := programtest.Path(t)

	for name, test := range map[string]struct {
		change  func(root string) error
		timeout time.Duration
		want    string
	}{
		"no init": {func(root string) error { return os.Remove(filepath.Join(root, "usr/sbin/init")) }, patience, "its init is missing"},
		"an init of none": {func(root string) error {
			return replaceFile(filepath.Join(root, "usr/lib/systemd/systemd"), "#!/bin/true\n")
		}, patience, "its init ended"},
		"no systemd": {removeSystemd, time.Minute, "it has no systemd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := basetest.Quick(t, test.change)
			work := t.TempDir()
			m, err := Start(t.Context(), Config{
				BootConfig: BootConfig{Disk: path, WorkDir: work, Firmware: image.BIOS, Memory: 512, CPUs: 1, Timeout: test.timeout}, Program: program,
			})
			if err == nil {
				_ = m.Stop(context.Background())
			}

			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if err := Takes(t.Context(), path); (err != nil) != (name == "no systemd") {
				t.Errorf("commands reach it: %v", err)
			}
			if left, _ := os.ReadDir(work); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func replaceFile(path, text string) error {
	return errors.Join(os.Remove(path), os.WriteFile(path, []byte(text), 0o755))
}

func removeSystemd(root string) error {
	found, err := filepath.Glob(filepath.Join(root, "usr/lib/*/systemd/libsystemd-shared-*"))
	for _, path := range found {
		err = errors.Join(err, os.Remove(path))
	}
	if len(found) == 0 {
		return errors.New("the base has no library of systemd where it is looked for")
	}
	return err
}
