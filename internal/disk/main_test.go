package disk

import (
	"fmt"
	"os"
	"testing"

	"image-builder/internal/mountns"
)

// TestMain gives the tests mounts of their own, as bakes have: a process that copies the mount table would otherwise
// keep their disks busy.
func TestMain(m *testing.M) {
	if os.Geteuid() == 0 {
		if err := mountns.Enter(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if tool := os.Getenv(toolVariable); tool != "" {
		useTool(tool, os.Args[1])
	}
	os.Exit(m.Run())
}
