// Package sandboxtest is the conformance suite that every sandbox.Machine passes.
//
// It uses a Machine as a bake does and then looks at what is left: on the disk, among this machine's processes and
// mounts. It makes its own small disks and needs root and mkfs.ext4, but no network. It never looks inside a Machine.
package sandboxtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/sandbox"
)

// Start brings up a disk with shares, in a private directory that is removed after the test.
type Start func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error)

// Run runs the suite.
func Run(t *testing.T, start Start) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("machines mount disks: run the tests as root")
	}

	for name, test := range map[string]func(*testing.T, Start){
		"output and status":             output,
		"environment":                   environment,
		"environment shows in no argv":  hiddenEnvironment,
		"cancel ends every process":     cancel,
		"return ends every process":     daemons,
		"cancelled for good":            cancelledForGood,
		"nothing is left on the disk":   untouched,
		"shares":                        shares,
		"reboot":                        reboot,
		"stop lets go":                  stop,
		"deleted data is holes":         holes,
		"mounts vanish":                 mounts,
		"symbolic links stay inside":    links,
		"a machine can be short-lived":  shortLived,
		"two machines of a process":     two,
		"a share must not be on a disk": shareOnDisk,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start)
		})
	}
}

// up brings up a disk and stops it after the test, when its work directory must be empty again.
func up(t *testing.T, start Start, disk string, shares ...sandbox.Share) sandbox.Machine {
	t.Helper()
	work := t.TempDir()
	m, err := start(t.Context(), disk, work, shares)
	must(t, err)
	t.Cleanup(func() {
		if err := m.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
			t.Errorf("left in the work directory: %v, %v", left, err)
		}
	})

	return m
}

// sh runs a script and returns its output; a failure ends the test.
func sh(t *testing.T, m sandbox.Machine, script string) string {
	t.Helper()
	var out, errs bytes.Buffer
	err := m.Run(t.Context(), shell(script, &out, &errs))
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, errs.String())
	}
	return out.String()
}

func shell(script string, out, errs *bytes.Buffer) sandbox.Command {
	return sandbox.Command{Args: []string{"sh", "-c", script}, Stdout: out, Stderr: errs}
}

// shareDirectory makes a directory that the machine sees at /run/here.
func shareDirectory(t *testing.T) (string, sandbox.Share) {
	t.Helper()
	dir := t.TempDir()
	return dir, sandbox.Share{Source: dir, Target: "/run/here"}
}

// await waits until a file exists.
func await(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never came", path)
		}
	}
}

// processes lists this machine's command lines that contain text.
func processes(t *testing.T, text string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)

	var found []string
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte(text)) {
			found = append(found, path+": "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}

	return found
}

// mountsBelow lists this process's mounts whose line holds text.
func mountsOf(t *testing.T, text string) []string {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	var found []string
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// loops lists the loop devices that a file is attached to.
func loops(t *testing.T, file string) []string {
	t.Helper()
	all, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	must(t, err)

	var found []string
	for _, path := range all {
		backing, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(backing)) == file {
			found = append(found, path)
		}
	}

	return found
}

func status(err error) int {
	var exit sandbox.ExitError
	if errors.As(err, &exit) {
		return exit.Status
	}
	return -1
}
