package local

import (
	"os"
	"syscall"
	"time"
)

// StopVariable is an environment variable that names a step of a commit or a removal. The process stops itself there
// (SIGSTOP), so that `make attack` can kill it at that very step. Nothing else reads it.
const StopVariable = "IMAGE_BUILDER_STOP_AT"

// Committed is the step from which on the image is visible.
const Committed = "committed"

// CommitSteps returns the steps of Run.Commit in their order.
func CommitSteps() []string {
	return []string{"flushed", "moved", "rows written", Committed, "settled"}
}

// stopAt returns a Store's reached: it stops the process at the named step, "" for none. The kernel may give the signal
// to another thread, and this one would take further steps until then: it waits.
func stopAt(name string) func(step string) {
	return func(step string) {
		if step == name {
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			<-time.After(time.Minute)
		}
	}
}
