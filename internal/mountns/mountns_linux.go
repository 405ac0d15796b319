// Package mountns gives a process a mount namespace of its own.
//
// Whatever the process mounts from then on (disks, secrets in memory) no other process sees, and it is gone the moment
// the last process of the namespace is, also after kill -9. The package mounts nothing itself.
package mountns

import (
	"errors"
	"fmt"
	"os"

	"image-builder/internal/fault"
	"image-builder/internal/mountns/namespace"
)

// Enter gives this process a mount namespace of its own, by unshare and exec of itself with the same arguments; in
// the process that comes out of it, it returns nil. So it is called before anything is opened or started. Mounts made
// outside still show inside (MS_SLAVE). It needs root. mount_namespaces(7)
func Enter() error {
	if err := enter(); err != nil {
		return fault.New(fault.BadMachine, err, "")
	}
	return nil
}

func enter() error {
	if namespace.Private() {
		return namespace.Forget()
	}
	if os.Geteuid() != 0 {
		return errors.New("enter private mounts: disks are attached and mounted: run as root, or with sudo")
	}

	step, err := namespace.Enter()
	switch step {
	case namespace.Unshare:
		return fmt.Errorf("%s: %w: in a container, give it CAP_SYS_ADMIN", step, err)
	case namespace.Exec:
		return fmt.Errorf("%s %s: %w", step, os.Args[0], err)
	}
	return fmt.Errorf("%s: %w", step, err)
}
