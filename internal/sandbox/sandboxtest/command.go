package sandboxtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/sandbox"
)

func output(t *testing.T, start Start) {
	t.Helper()
	outputOf(t, up(t, start, Disk(t, nil)))
}

func outputOf(t *testing.T, m sandbox.Machine) {
	t.Helper()
	for _, test := range []struct {
		name, script, stdout, stderr string
		status                       int
	}{
		{"both streams", "echo one; echo two >&2", "one\n", "two\n", -1},
		{"status", "echo no >&2; exit 7", "", "no\n", 7},
		{"status 1", "exit 1", "", "", 1},
		{"a signal", "kill -9 $$", "", "Killed\n", 137},
		{"not there", "/usr/bin/absent 2>/dev/null", "", "", 127},
		{"no input", "cat; id -u", "0\n", "", -1},
		{"binary output", `printf '\000\377'`, "\x00\xff", "", -1},
	} {
		var out, errs bytes.Buffer
		err := m.Run(t.Context(), shell(test.script, &out, &errs))
		if got := status(err); got != test.status || (test.status == -1) != (err == nil) {
			t.Errorf("%s: status %d, want %d: %v", test.name, got, test.status, err)
		}
		if diff := cmp.Diff([]string{test.stdout, test.stderr}, []string{out.String(), errs.String()}); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
	}

	var both bytes.Buffer
	must(t, m.Run(t.Context(), shell("for i in 1 2 3; do echo $i; echo $i >&2; done", &both, &both)))
	if diff := cmp.Diff("1\n1\n2\n2\n3\n3\n", both.String()); diff != "" {
		t.Errorf("one writer for both streams: -want +got\n%s", diff)
	}
}

func environment(t *testing.T, start Start) {
	t.Helper()
	environmentOf(t, up(t, start, Disk(t, nil)))
}

func environmentOf(t *testing.T, m sandbox.Machine) {
	t.Helper()
	var out bytes.Buffer
	must(t, m.Run(t.Context(), sandbox.Command{
		Args: []string{"/usr/bin/env", "-0", "-u", "_"}, Stdout: &out,
		Env: []string{"PATH=/usr/bin", "QUOTES='\"$(id)`id`\\", "LINES=a\nb\n", "EMPTY=", "LD_PRELOAD="},
	}))

	want := map[string]bool{
		"PATH=/usr/bin": true, "QUOTES='\"$(id)`id`\\": true, "LINES=a\nb\n": true, "EMPTY=": true, "LD_PRELOAD=": true,
	}

	got := map[string]bool{}
	for entry := range bytes.SplitSeq(bytes.TrimSuffix(out.Bytes(), []byte{0}), []byte{0}) {
		got[string(entry)] = true
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func hiddenEnvironment(t *testing.T, start Start) {
	t.Helper()
	dir, share := shareDirectory(t)
	m := up(t, start, Disk(t, nil), share)
	const value = "a-value-that-nobody-may-see"
	done := make(chan error, 1)
	go func() {
		done <- m.Run(t.Context(), sandbox.Command{
			Args: []string{"sh", "-c", `test -n "$SECRET" && touch /run/here/ready; while [ ! -e /run/here/go ]; do sleep .01; done`},
			Env:  []string{"PATH=/usr/bin", "SECRET=" + value},
		})
	}()

	await(t, filepath.Join(dir, "ready"))
	if found := processes(t, value); len(found) > 0 {
		t.Errorf("anybody can read the value in %q", found)
	}
	must(t, os.WriteFile(filepath.Join(dir, "go"), nil, 0o600))
	must(t, <-done)
}

// daemonize starts a background process, then says so.
const daemonize = `setsid sh -c 'setsid sh -c "while :; do sleep 0.05; : MARK; done" & :' & touch /run/here/ready; `

func cancel(t *testing.T, start Start) {
	t.Helper()
	dir, share := shareDirectory(t)
	m := up(t, start, Disk(t, nil), share)
	why := errors.New("the person had enough")
	ctx, stop := context.WithCancelCause(t.Context())
	mark := filepath.Base(filepath.Dir(dir)) // this test's own
	done := make(chan error, 1)
	go func() {
		script := bytes.ReplaceAll([]byte(daemonize+"trap '' INT TERM HUP; sleep 1000; : MARK"), []byte("MARK"), []byte(mark))
		done <- m.Run(ctx, sandbox.Command{Args: []string{"sh", "-c", string(script)}})
	}()

	await(t, filepath.Join(dir, "ready"))
	if len(processes(t, ": "+mark)) == 0 {
		t.Fatal("the processes to kill do not show, so this test proves nothing")
	}
	stop(why)

	if err := <-done; !errors.Is(err, why) {
		t.Errorf("Run returned %v, want the cause of the cancellation", err)
	}
	if left := processes(t, ": "+mark); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
	if got := sh(t, m, "echo still usable"); got != "still usable\n" {
		t.Errorf("after a cancelled Run: %q", got)
	}
}

// cancelledForGood is a Ctrl-C: the command ends, then the machine stops. up checks that nothing is left.
func cancelledForGood(t *testing.T, start Start) {
	t.Helper()
	dir, share := shareDirectory(t)
	m := up(t, start, Disk(t, nil), share)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- m.Run(ctx, sandbox.Command{Args: []string{"sh", "-c", "touch /run/here/ready; sleep 1000"}})
	}()

	await(t, filepath.Join(dir, "ready"))
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
}

func daemons(t *testing.T, start Start) {
	t.Helper()
	dir, share := shareDirectory(t)
	m := up(t, start, Disk(t, nil), share)
	mark := filepath.Base(filepath.Dir(dir))
	sh(t, m, string(bytes.ReplaceAll([]byte(daemonize), []byte("MARK"), []byte(mark))))
	if left := processes(t, ": "+mark); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
}

func two(t *testing.T, start Start) {
	t.Helper()
	dir, share := shareDirectory(t)
	first := Disk(t, nil)
	second := Disk(t, nil)
	a := up(t, start, first)
	b := up(t, start, second, share)
	done := make(chan error, 1)
	go func() {
		done <- b.Run(t.Context(), sandbox.Command{
			Args: []string{"sh", "-c", "touch /run/here/ready; while [ ! -e /run/here/go ]; do sleep .01; done"},
		})
	}()

	await(t, filepath.Join(dir, "ready"))
	must(t, a.Stop(t.Context())) // although b started while a was mounted

	if left := loops(t, first); len(left) > 0 {
		t.Errorf("attached after Stop: %q", left)
	}
	must(t, os.WriteFile(filepath.Join(dir, "go"), nil, 0o600))
	must(t, <-done)
}
