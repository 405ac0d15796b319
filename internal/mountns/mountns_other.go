//go:build !linux

package mountns

import "errors"

// Enter says that only Linux has mount namespaces.
func Enter() error {
	return errors.New("enter private mounts: disks are attached and mounted on Linux only")
}
