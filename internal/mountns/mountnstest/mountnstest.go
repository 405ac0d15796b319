// Package mountnstest gives test binaries mounts of their own, as bakes have: a process that copies the mount table
// would otherwise keep their disks busy after they are unmounted.
//
// Nothing of the product imports it.
package mountnstest

import (
	"fmt"
	"os"

	"image-builder/internal/mountns"
)

// Enter is mountns.Enter for a TestMain, which calls it before anything else. Tests that run without root mount
// nothing, so it does nothing for them. If it fails, it ends the process.
func Enter() {
	if os.Geteuid() != 0 {
		return
	}
	if err := mountns.Enter(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
