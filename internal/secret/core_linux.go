package secret

import (
	"fmt"

	"image-builder/internal/fault"

	"golang.org/x/sys/unix"
)

// NoCore keeps the memory of this process out of core files and from debuggers of other users (prctl(2),
// PR_SET_DUMPABLE), and sets the core limit of this process and all its children to 0. It cannot be undone.
func NoCore() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fault.New(fault.BadMachine, fmt.Errorf("turn core files off: %w", err), "")
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fault.New(fault.BadMachine, fmt.Errorf("set core limit to 0: %w", err), "")
	}
	return nil
}
