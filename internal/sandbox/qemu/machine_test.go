package qemu

import (
	"context"
	"os"
	"testing"
	"time"

	"image-builder/internal/base/basetest"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/sandboxtest"
	"image-builder/internal/testbed/programtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	programtest.Remove()
	os.Exit(code)
}

// patience is how long a boot may take on a busy machine without KVM.
const patience = 15 * time.Minute

func TestMachine(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	base := basetest.Debian(t)
	program := programtest.Path(t)
	before := digest(t, base.Disk)

	sandboxtest.Booted(t, base.Disk, func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		m, err := Start(ctx, Config{
			BootConfig: BootConfig{Disk: disk, WorkDir: workDir, Timeout: patience}, Program: program,
			Shares: append(shares, sandbox.Share{Source: program, Target: "/run/image-builder/image-builder", ReadOnly: true}),
		})
		if err != nil {
			return nil, err
		}
		t.Logf("booted by %s %s", m.Accel, m.Why)
		return m, nil
	})
	if digest(t, base.Disk) != before {
		t.Error("the disk changed")
	}
}
