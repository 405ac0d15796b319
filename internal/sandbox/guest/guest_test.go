//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"image-builder/internal/sandbox"
)

// serveVariable makes the test binary the guest's side, on its standard input.
const serveVariable = "IMAGE_BUILDER_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	syscall.CloseOnExec(3) // as any file that the guest opens itself
	stream := os.NewFile(3, "stream")
	if err := Serve(context.Background(), stream); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// attach starts a guest in a process of its own, since it adopts and kills processes.
func attach(t *testing.T) (*Session, *exec.Cmd) {
	t.Helper()
	ours, theirs := pair(t)
	guest := exec.CommandContext(t.Context(), "/proc/self/exe")
	guest.Env = append(os.Environ(), serveVariable+"=1")
	guest.ExtraFiles = []*os.File{theirs}
	if err := guest.Start(); err != nil {
		t.Fatal(err)
	}

	theirs.Close()

	s := Attach(ours)
	t.Cleanup(func() {
		s.Close()
		ours.Close()
		_ = guest.Wait()
	})
	if err := s.Greeted(t.Context()); err != nil {
		t.Fatal(err)
	}

	return s, guest
}

// pair are the two ends of a socket.
func pair(t *testing.T) (net.Conn, *os.File) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()

	theirs, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()

	ours, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	file, err := theirs.(*net.UnixConn).File()
	if err != nil {
		t.Fatal(err)
	}

	return ours, file
}

func script(text string, out, errs io.Writer) sandbox.Command {
	return sandbox.Command{Args: []string{"sh", "-c", text}, Env: []string{"PATH=/usr/bin:/bin", "A=b c"}, Stdout: out, Stderr: errs}
}

func TestRun(t *testing.T) {
	t.Parallel()
	s, _ := attach(t)
	for _, test := range []struct {
		script, stdout, stderr string
		status                 int
	}{
		{"echo one; echo two >&2; pwd", "one\n/\n", "two\n", 0},
		{"exit 7", "", "", 7},
		{"kill -9 $$", "", "Killed\n", 137},
		{"cat; echo \"$A\"", "b c\n", "", 0},
		{`printf '\000\377'`, "\x00\xff", "", 0},
		{"setsid sleep 1000 & echo started", "started\n", "", 0}, // returns, although the pipe is still held
	} {
		var out, errs bytes.Buffer
		err := s.Run(t.Context(), script(test.script, &out, &errs))
		var exit sandbox.ExitError
		errors.As(err, &exit)
		if exit.Status != test.status || out.String() != test.stdout || errs.String() != test.stderr {
			t.Errorf("%s: %v, %q, %q", test.script, err, out.String(), errs.String())
		}
	}

	err := s.Run(t.Context(), sandbox.Command{Args: []string{"/absent/program"}})
	var exit sandbox.ExitError
	if !errors.As(err, &exit) || exit.Status != 127 {
		t.Errorf("a program that is not there: %v", err)
	}

	var both bytes.Buffer
	if err := s.Run(t.Context(), script("for i in 1 2; do echo $i; echo $i >&2; done", &both, &both)); err != nil || both.String() != "1\n1\n2\n2\n" {
		t.Errorf("one writer: %v, %q", err, both.String())
	}
}

func TestCancelEndsEveryProcess(t *testing.T) {
	t.Parallel()
	s, guest := attach(t)
	why := errors.New("the person had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	ready := writer(func(p []byte) (int, error) {
		if found, _ := descendants(guest.Process.Pid); len(found) < 2 {
			t.Error("the processes to kill do not show, so this test proves nothing")
		}
		cancel(why)
		return len(p), nil
	})

	err := s.Run(ctx, script("trap '' TERM HUP; setsid sleep 1000 & echo ready; sleep 1000", ready, nil))
	if !errors.Is(err, why) {
		t.Errorf("%v, want the cause of the cancellation", err)
	}
	if left, _ := descendants(guest.Process.Pid); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}

	var out bytes.Buffer
	if err := s.Run(t.Context(), script("echo usable", &out, nil)); err != nil || out.String() != "usable\n" {
		t.Errorf("after a cancelled command: %v, %q", err, out.String())
	}
}

func TestGuestThatEnds(t *testing.T) {
	t.Parallel()
	s, guest := attach(t)
	dies := writer(func(p []byte) (int, error) { return len(p), guest.Process.Kill() })
	if err := s.Run(t.Context(), script("echo now; exec sleep 5", dies, nil)); !errors.Is(err, ErrGone) {
		t.Errorf("%v, want ErrGone", err)
	}
}

func TestGuestThatRestarts(t *testing.T) {
	t.Parallel()
	ours, theirs := pair(t)
	defer theirs.Close()

	s := Attach(ours)
	defer ours.Close()
	defer s.Close()

	go func() {
		_, _ = theirs.WriteString(`{"kind":"hello"}` + "\n" + `{"kind":"std` + "\n\x00not a message\n" + `{"kind":"hello"}` + "\n")
	}()

	if err := s.Greeted(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), script("true", nil, nil)); !errors.Is(err, ErrRestarted) {
		t.Errorf("%v, want ErrRestarted", err)
	}
}

// A guest's archive stays in its directory, whatever its names say.
func TestFilesStayBeneathTheirDirectory(t *testing.T) {
	t.Parallel()
	from := t.TempDir()

	to := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(from, "a/b"), 0o750), os.WriteFile(filepath.Join(from, "a/b/c"), []byte("text"), 0o640),
		os.Symlink("/etc", filepath.Join(from, "link")), os.WriteFile(filepath.Join(to, "old"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := pack(from, &archive); err != nil {
		t.Fatal(err)
	}

	hostile := bytes.ReplaceAll(archive.Bytes(), []byte("a/b/c\x00"), []byte("../x\x00\x00"))

	if err := replace(to, &archive); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(to, "a/b/c"))
	if err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}

	for _, gone := range []string{"old", "link"} {
		if _, err := os.Lstat(filepath.Join(to, gone)); err == nil {
			t.Errorf("%s is there", gone)
		}
	}

	if err := replace(to, bytes.NewReader(hostile)); err == nil {
		t.Error("an archive that leads out of its directory is taken")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(to), "x")); err == nil || !strings.Contains(err.Error(), "no such") {
		t.Errorf("outside: %v", err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
