package nspawn

import (
	"context"
	"testing"

	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/sandboxtest"
)

func TestMachine(t *testing.T) {
	t.Parallel()
	sandboxtest.Run(t, func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		return Start(ctx, Config{Disk: disk, WorkDir: workDir, Shares: shares})
	})
}
