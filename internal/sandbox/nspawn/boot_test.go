package nspawn

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/base/basetest"
	"image-builder/internal/disk"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/sandboxtest"
	"image-builder/internal/testbed/programtest"
)

// clone is a copy of the Debian base.
func clone(t *testing.T) string {
	t.Helper()
	base := basetest.Debian(t)
	path := filepath.Join(t.TempDir(), "disk.raw")
	if err := disk.Clone(t.Context(), path, base.Disk, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBooted(t *testing.T) {
	t.Parallel()
	needRoot(t)
	program := programtest.Path(t)
	sandboxtest.Booted(t, clone(t), func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		m, err := Boot(ctx, BootConfig{Config: Config{Disk: disk, WorkDir: workDir, Shares: shares}, Program: program, Console: os.Stderr})
		if err != nil {
			return nil, err
		}
		return m, nil
	})
}

func TestBootThatFails(t *testing.T) {
	t.Parallel()
	needRoot(t)

	program := programtest.Path(t)
	for name, test := range map[string]struct {
		change, want string
		limit        time.Duration
	}{
		"no init":         {"rm /sbin/init", "it has no init", time.Hour},
		"init that ends":  {"ln -sf /bin/true /lib/systemd/systemd", "its init ended while it booted", time.Hour},
		"init that hangs": {"printf '#!/bin/sh\\necho waiting\\nsleep 1000\\n' >/init; chmod +x /init; ln -sf /init /lib/systemd/systemd", "starts no commands within", 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := clone(t)
			runScript(t, chooseIsolation, path, test.change)
			work := t.TempDir()
			m, err := Boot(t.Context(), BootConfig{Config: Config{Disk: path, WorkDir: work}, Program: program, Timeout: test.limit})
			if err == nil {
				_ = m.Stop(context.Background())
			}

			if unusable := new(disk.Unusable); !errors.As(err, &unusable) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if out, _ := exec.CommandContext(t.Context(), "losetup", "-j", path).Output(); len(out) > 0 {
				t.Errorf("still attached: %s", out)
			}
		})
	}
}
