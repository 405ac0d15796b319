package action

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
)

// console collects a module's output and remarks.
type console struct {
	mu             sync.Mutex
	stdout, stderr bytes.Buffer
	log            []string
}

// writer lets the module write from its own goroutines.
type writer struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w writer) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(text)
}

// newCall makes a call as package component does, with defaults filled in.
func newCall(t *testing.T, m component.Module, inputs ...component.Inputs) (*component.Call, *console) {
	t.Helper()
	for _, in := range inputs {
		for _, field := range m.Schema().Fields {
			if !in.Has(field.Name) && field.Default != "" {
				in[field.Name] = field.Default
				if field.Kind == component.Bool {
					in[field.Name] = field.Default == "true"
				}
			}
		}
	}

	c := &console{}
	return &component.Call{
		Inputs: inputs,
		Env:    []string{"PATH=" + os.Getenv("PATH")},
		Dir:    t.TempDir(),
		Stdout: writer{&c.mu, &c.stdout},
		Stderr: writer{&c.mu, &c.stderr},
		Log: func(format string, args ...any) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.log = append(c.log, fmt.Sprintf(format, args...))
		},
	}, c
}

func bash(t *testing.T, commands ...string) (*component.Call, *console, component.Module) {
	t.Helper()
	m := executeBash(t.TempDir())
	call, c := newCall(t, m, component.Inputs{"commands": commands})
	return call, c, m
}

func TestExecuteBash(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name           string
		commands       []string
		stdout, stderr string // as the log gets them
		output, err    string
		reboot         bool
	}{
		{name: "one script", commands: []string{"cd /usr", "pwd"}, stdout: "/usr\n", output: "/usr"},
		{name: "only the last command counts", commands: []string{"false", "echo on"}, stdout: "on\n", output: "on"},
		{name: "exit status", commands: []string{"echo bad >&2; exit 3"}, stderr: "bad\n", err: "exit status 3"},
		{name: "signal", commands: []string{"kill -KILL $$"}, err: "signal: killed"},
		{name: "194 is a reboot", commands: []string{"exit 194"}, reboot: true, err: component.Reboot{Again: true}.Error()},
		{name: "inner newlines stay", commands: []string{`printf 'a\n\nb\n\n'`}, stdout: "a\n\nb\n\n", output: "a\n\nb\n"},
		{name: "no newline at the end", commands: []string{"printf x"}, stdout: "x", output: "x"},
		{name: "no standard input", commands: []string{"read -t 5 x || echo none"}, stdout: "none\n", output: "none"},
		{name: "several lines in an entry", commands: []string{"if true; then\n  echo yes\nfi\n"}, stdout: "yes\n", output: "yes"},
		{name: "a process substitution is awaited", commands: []string{"exec > >(sed s/a/b/)", "echo a"}, stdout: "b\n", output: "b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			call, c, m := bash(t, test.commands...)
			out, err := m.Run(t.Context(), call)
			if got := fmt.Sprint(err); (err != nil && got != test.err) || (err == nil && test.err != "") {
				t.Errorf("error is %v, want %q", err, test.err)
			}
			if errors.As(err, new(component.Reboot)) != test.reboot {
				t.Errorf("error is %#v, reboot wanted: %t", err, test.reboot)
			}

			want := []string{test.stdout, test.stderr, test.output}
			if diff := cmp.Diff(want, []string{c.stdout.String(), c.stderr.String(), out["stdout"]}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExecuteBashRemovesItsScript(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	m := executeBash(temp)
	call, c := newCall(t, m, component.Inputs{"commands": []string{"stat -c %a $0"}})
	if _, err := m.Run(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	if got := c.stdout.String(); got != "600\n" {
		t.Errorf("the script has permissions %s", got)
	}

	if left, _ := filepath.Glob(temp + "/*"); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
}

func TestExecuteBashWithoutBash(t *testing.T) {
	t.Parallel()
	call, _, m := bash(t, "true")
	call.Env = []string{"PATH=" + t.TempDir()}
	_, err := m.Run(t.Context(), call)
	if err == nil || !strings.Contains(err.Error(), "find program bash in the directories of PATH: file does not exist: install bash in the base image") {
		t.Errorf("error is %v", err)
	}
}

// TestTimeoutKillsTheWholeTree starts processes that leave the group, the session and their parent, all of which hold
// the write end of a pipe: end of file at its read end means that all of them are gone.
func TestTimeoutKillsTheWholeTree(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"child":          "echo up >$FIFO; sleep 1000",
		"background":     "sleep 1000 & echo up >$FIFO; wait",
		"own session":    "setsid --wait bash -c 'echo up >$FIFO; sleep 1000'",
		"orphan daemon":  "(setsid bash -c 'echo up >$FIFO; sleep 1000' &) ; sleep 1000",
		"cleared of env": "setsid --wait env -i FIFO=$FIFO /bin/bash -c 'echo up >$FIFO; /bin/sleep 1000'",
		"deaf":           "trap '' TERM INT HUP; echo up >$FIFO; while true; do sleep 1000; done",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			call, _, m := bash(t, "exec 9>$FIFO", command)
			call.Env = append(call.Env, "FIFO="+fifo)
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("time is up")
			gone := make(chan error, 1)

			go func() {
				reader, err := os.Open(fifo)
				if err != nil {
					gone <- err
					return
				}
				_, err = io.ReadFull(reader, make([]byte, len("up\n")))
				cancel(why)
				_, end := io.Copy(io.Discard, reader)
				gone <- errors.Join(err, end, reader.Close())
			}()

			if _, err := m.Run(ctx, call); !errors.Is(err, why) {
				t.Errorf("error is %v, want %v", err, why)
			}

			select {
			case err := <-gone:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(2 * time.Minute):
				t.Error("a process of the step is still there")
			}
		})
	}
}

// TestBackgroundProcessDoesNotHoldTheStep leaves a daemon that keeps the output open and still lives afterwards,
// although it prints.
func TestBackgroundProcessDoesNotHoldTheStep(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	call, c, m := bash(t, "(read x <$FIFO; echo late; echo alive >$FIFO) &", "echo started")
	call.Env = append(call.Env, "FIFO="+fifo)
	out, err := m.Run(t.Context(), call)
	if err != nil || out["stdout"] != "started" {
		t.Fatalf("got %q, %v", out, err)
	}

	if !strings.Contains(strings.Join(c.log, "\n"), "Left running") {
		t.Errorf("log says %q", c.log)
	}
	if err := os.WriteFile(fifo, []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}

	answer, err := os.ReadFile(fifo)
	if err != nil || string(answer) != "alive\n" {
		t.Errorf("the daemon answers %q, %v", answer, err)
	}
}

// counter counts bytes and drops them.
type counter struct{ bytes int }

func (c *counter) Write(text []byte) (int, error) {
	c.bytes += len(text)
	return len(text), nil
}

func TestOutputIsStreamed(t *testing.T) {
	t.Parallel()
	const size = 1 << 30
	call, c, m := bash(t, fmt.Sprintf(`head -c %d /dev/zero`, size))
	all := &counter{}
	call.Stdout = all
	out, err := m.Run(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}

	if all.bytes != size || len(out["stdout"]) != captured {
		t.Errorf("%d bytes streamed, %d captured", all.bytes, len(out["stdout"]))
	}
	if !strings.Contains(strings.Join(c.log, "\n"), "more than 1048576 bytes") {
		t.Errorf("log says %q", c.log)
	}
}

func TestExecuteBinary(t *testing.T) {
	t.Parallel()
	m := executeBinary()

	for _, test := range []struct {
		name, path  string
		arguments   []string
		output, err string
	}{
		{name: "found in PATH", path: "printf", arguments: []string{"%s|", "a b", "$HOME", "*"}, output: "a b|$HOME|*|"},
		{name: "absolute", path: "/bin/sh", arguments: []string{"-c", "echo $0"}, output: "sh"},
		{name: "missing", path: "no-such-program", err: "find program no-such-program in the directories of PATH"},
		{name: "missing file", path: "/no/such", err: "start /no/such"},
		{name: "status", path: "false", err: "exit status 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			call, _ := newCall(t, m, component.Inputs{"path": test.path, "arguments": test.arguments})
			out, err := m.Run(t.Context(), call)
			if out["stdout"] != test.output || (test.err == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("got %q, %v", out["stdout"], err)
			}
		})
	}
}

// TestExitStatusIsLoggedLast keeps the order of awstoe's console log: output first, then the exit status.
func TestExitStatusIsLoggedLast(t *testing.T) {
	t.Parallel()
	call, c, m := bash(t, "seq 20000", "(while kill -0 $$ 2>/dev/null; do :; done; echo late >&2) &")
	call.Stderr = noter{call.Log}
	if _, err := m.Run(t.Context(), call); err != nil {
		t.Fatal(err)
	}

	got := c.log[len(c.log)-3:]
	want := []string{"stderr", "CmdExecution: ExitCode 0", "ExecuteBash: FINISHED EXECUTION"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// noter notes in the log that something was printed.
type noter struct{ log func(string, ...any) }

func (l noter) Write(text []byte) (int, error) {
	l.log("stderr")
	return len(text), nil
}
