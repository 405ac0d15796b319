package local

import (
	"errors"
	"syscall"
	"testing"
)

// A file that cannot be written to the drive fails the commit. The kernel refuses to flush its own files.
func TestFlushReportsAFileThatIsNotFlushed(t *testing.T) {
	t.Parallel()
	run := &Run{Dir: "/proc/sys/kernel/random"}
	if err := run.flush(); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("flushed files of the kernel: %v", err)
	}
}
