package sandboxtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/sandbox"
)

// Booted runs the suite for a Machine whose disk boots its own init. A boot takes long in a virtual machine, so the
// tests share one; they run one after another. Shares of such a machine are copies: changes are seen here when Run
// returns. The disk is not looked at afterwards, since what a virtual machine writes is thrown away.
func Booted(t *testing.T, disk string, start Start) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("machines mount disks: run the tests as root")
	}
	dir, share := shareDirectory(t)
	must(t, os.WriteFile(filepath.Join(dir, "given"), []byte("content\n"), 0o600))
	readOnly := t.TempDir()
	file := filepath.Join(readOnly, "a file")
	must(t, os.WriteFile(file, []byte("content\n"), 0o755))

	m := up(t, start, disk, share,
		sandbox.Share{Source: readOnly, Target: "/tmp/secrets", ReadOnly: true},
		sandbox.Share{Source: file, Target: "/run/deep/down/file", ReadOnly: true})

	for _, test := range []struct {
		name string
		try  func(*testing.T, sandbox.Machine)
	}{
		{"init runs", initRuns},
		{"output and status", outputOf},
		{"environment", environmentOf},
		{"cancel ends every process", bootedCancel},
		{"return ends every process", bootedDaemons},
		{"shares", func(t *testing.T, m sandbox.Machine) { t.Helper(); bootedShares(t, m, dir) }},
		{"reboot", func(t *testing.T, m sandbox.Machine) { t.Helper(); bootedReboot(t, m, dir) }},
		{"a command switches the machine off", switchedOff},
	} {
		ok := t.Run(test.name, func(t *testing.T) { test.try(t, m) })
		if !ok && t.Context().Err() != nil {
			return
		}
	}

	must(t, m.Stop(t.Context()))
	must(t, m.Stop(t.Context()))

	if err := m.Run(t.Context(), sandbox.Command{Args: []string{"true"}}); err == nil {
		t.Error("a stopped machine runs")
	}
	if left := loops(t, disk); len(left) > 0 {
		t.Errorf("attached after Stop: %q", left)
	}
}

func initRuns(t *testing.T, m sandbox.Machine) {
	t.Helper()
	if got := sh(t, m, "cat /proc/1/comm; systemctl is-system-running --wait >/dev/null; systemctl is-active systemd-journald"); got != "systemd\nactive\n" {
		t.Errorf("%q", got)
	}
}

// bootedDaemons leaves a process behind, which the next command must not find.
func bootedDaemons(t *testing.T, m sandbox.Machine) {
	t.Helper()
	sh(t, m, "setsid sh -c 'setsid sleep 98765 & :' & sleep .1")
	if got := sh(t, m, "pgrep -f 'sleep 9876[5]' || echo none"); got != "none\n" {
		t.Errorf("still running: %s", got)
	}
}

func bootedCancel(t *testing.T, m sandbox.Machine) {
	t.Helper()
	why := errors.New("the person had enough")
	ctx, stop := context.WithCancelCause(t.Context())
	ready := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "ready") {
			stop(why)
		}
		return len(p), nil
	})

	err := m.Run(ctx, sandbox.Command{
		Args: []string{"sh", "-c", "trap '' TERM HUP INT; setsid sleep 98764 & echo ready; sleep 98764"}, Stdout: ready,
	})
	if !errors.Is(err, why) {
		t.Errorf("Run returned %v, want the cause of the cancellation", err)
	}
	if got := sh(t, m, "pgrep -f 'sleep 9876[4]' || echo none"); got != "none\n" {
		t.Errorf("still running: %s", got)
	}
}

func bootedShares(t *testing.T, m sandbox.Machine, dir string) {
	t.Helper()
	got := sh(t, m, `cat /run/here/given /run/deep/down/file; mkdir /run/here/sub; echo new >/run/here/sub/new; rm /run/here/given
		for f in /tmp/secrets/x /run/deep/down/file; do (echo x >$f) 2>/dev/null && echo written $f; done; ls /tmp/secrets`)
	if diff := cmp.Diff("content\ncontent\na file\n", got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}

	text, err := os.ReadFile(filepath.Join(dir, "sub/new"))
	if err != nil || string(text) != "new\n" {
		t.Errorf("the machine's file reads %q here: %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "given")); err == nil {
		t.Error("a file that the machine removed is still here")
	}
}

func bootedReboot(t *testing.T, m sandbox.Machine, dir string) {
	t.Helper()
	boot := sh(t, m, "touch /tmp/file /run/file /run/here/file /root/file; cat /proc/1/stat | cut -d' ' -f22; cat /proc/sys/kernel/random/boot_id")
	must(t, m.Reboot(t.Context()))
	if sh(t, m, "cat /proc/1/stat | cut -d' ' -f22; cat /proc/sys/kernel/random/boot_id") == boot {
		t.Error("the same init runs after a reboot")
	}

	got := sh(t, m, "for f in /tmp/file /run/file /run/here/file /root/file; do [ ! -e $f ] || echo $f; done")
	if diff := cmp.Diff("/run/here/file\n/root/file\n", strings.TrimPrefix(got, "/tmp/file\n")); diff != "" { // /tmp may be on the disk
		t.Errorf("after a reboot: -want +got\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "file")); err != nil {
		t.Error(err)
	}
}

func switchedOff(t *testing.T, m sandbox.Machine) {
	t.Helper()
	err := m.Run(t.Context(), sandbox.Command{Args: []string{"sh", "-c", "systemctl poweroff; sleep 1000"}})
	if err == nil || !strings.Contains(err.Error(), "switched off") {
		t.Errorf("%v, want that the machine was switched off", err)
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }
