package nspawn

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/sandboxtest"
)

// A program of 64 bits and one of 32 ask for what is refused, and for what is not. The kernel alone would answer the refused
// calls otherwise. There is one filter: nspawn's own would be five.
func TestSystemCallsThatAreRefused(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := t.TempDir()
	script := "while read key value; do case $key in NoNewPrivs: | Seccomp*) echo $key $value ;; esac; done </proc/self/status\n"
	want := "NoNewPrivs: 0\nSeccomp: 2\nSeccomp_filters: 1\n"

	for _, kind := range []struct{ architecture, calls, want string }{
		// getpid, keyctl, perf_event_open, landlock_create_ruleset, a netlink socket, one of the audit, a call of x32, one unknown
		{
			"amd64", "39 250 298 444,0,0,1 41,16,3,0 41,16,3,9 1073741863 600",
			"39 0\n250 1\n298 1\n444,0,0,1 1\n41,16,3,0 0\n41,16,3,9 97\n1073741863 38\n600 38\n",
		},
		{
			"386", "20 288 336 444,0,0,1 359,16,3,0 359,16,3,9 600",
			"20 0\n288 1\n336 1\n444,0,0,1 1\n359,16,3,0 0\n359,16,3,9 97\n600 38\n",
		},
	} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, kind.architecture), "./testdata/calls")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+kind.architecture)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		script += "/run/calls/" + kind.architecture + " " + kind.calls + "\n"
		want += kind.want
	}

	got := runScript(t, chooseIsolation, sandboxtest.Disk(t, nil), script, sandbox.Share{Source: dir, Target: "/run/calls", ReadOnly: true})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors of system calls (-want +got)\n%s", diff)
	}
}

// Not in parallel: no other machine runs meanwhile, whose thread would rightly be restricted.
func TestNoThreadStaysRestricted(t *testing.T) { //nolint:paralleltest // as it says
	if err := wait(t.Context(), exec.Command("true")); err != nil {
		t.Fatal(err)
	}
	const threads = 50 // more than there are, so that each of them is asked
	var all, done sync.WaitGroup
	all.Add(threads)

	for range threads {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			all.Done()
			all.Wait() // a thread each
			status, err := os.ReadFile("/proc/thread-self/status")
			if err != nil || !strings.Contains(string(status), "Seccomp:\t0") {
				t.Errorf("a thread that other work gets is restricted: %v\n%s", err, status)
			}
		})
	}

	done.Wait()
}
