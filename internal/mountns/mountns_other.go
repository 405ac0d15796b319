//go:build !linux

package mountns

import (
	"errors"

	"image-builder/internal/fault"
)

// Enter says that only Linux has mount namespaces.
func Enter() error {
	return fault.New(fault.BadMachine, errors.New("enter private mounts: disks are attached and mounted on Linux only"), "")
}
