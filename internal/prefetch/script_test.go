package prefetch

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reader is the script, run by a Python whose preadv is the test's own.
type reader struct {
	t                    *testing.T
	dir, list, disk, log string
}

// harness runs the script with a preadv whose body is %s: Python in which real is the true one. Not every filesystem has direct
// reads, as every block device does: without them the rest is still to be seen.
const harness = `import os, runpy, sys
DIR = sys.argv[1]
real = os.preadv
open_directly = os.open

def preadv(disk, buffers, offset):
    %s

def open_somehow(path, flags):
    try:
        return open_directly(path, flags)
    except OSError:
        return open_directly(path, flags & ~os.O_DIRECT)

def log(text):
    file = open_directly(DIR + "/log", os.O_WRONLY | os.O_APPEND)
    os.write(file, text.encode() + b"\n")
    os.close(file)

os.preadv = preadv
os.open = open_somehow
del sys.argv[1]
runpy.run_path(DIR + "/script", run_name="__main__")
`

func newReader(t *testing.T, preadv string) reader {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("install python3: the script is Python")
	}
	dir := t.TempDir()
	r := reader{t: t, dir: dir, list: filepath.Join(dir, "list"), disk: filepath.Join(dir, "disk"), log: filepath.Join(dir, "log")}
	for name, text := range map[string]string{
		"script": string(scriptText), "disk": strings.Repeat("content\n", 1<<20/8), "log": "", "harness": fmt.Sprintf(harness, preadv),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	return r
}

// start runs the script with a list.
func (r reader) start(list string) *exec.Cmd {
	r.t.Helper()
	if err := os.WriteFile(r.list, []byte(list), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return r.python(r.disk)
}

// python runs the script for a device.
func (r reader) python(device string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
	r.t.Cleanup(cancel)
	return exec.CommandContext(ctx, "python3", "-IS", filepath.Join(r.dir, "harness"), r.dir, device, r.list)
}

// asked are the reads in the log.
func (r reader) asked() []string {
	r.t.Helper()
	text, err := os.ReadFile(r.log)
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.Sorted(strings.Lines(string(text)))
}

// Exactly the bytes of the list are read.
func TestScriptReadsTheList(t *testing.T) {
	t.Parallel()
	r := newReader(t, `log(f"{offset}: {real(disk, buffers, offset)} of {len(buffers[0])}")`)
	if out, err := r.start("# start 2048\n8192 4096\n0 65536\n1044480 4096\n524288 524288\n").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	want := []string{"0: 65536 of 65536\n", "1044480: 4096 of 4096\n", "524288: 524288 of 524288\n", "8192: 4096 of 4096\n"}
	if got := r.asked(); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

// The list is read in its order, and several runs at once: as one is done, the next in the list begins.
func TestScriptReadsInOrderSeveralAtOnce(t *testing.T) {
	t.Parallel()
	const atOnce = 16
	const runs = 40
	r := newReader(t, `os.write(open_directly(DIR + "/begun", os.O_WRONLY), f"{offset}\n".encode()); os.read(open_directly(DIR + "/go", os.O_RDONLY), 1)`)
	begun := fifo(t, filepath.Join(r.dir, "begun"))
	next := fifo(t, filepath.Join(r.dir, "go"))
	var list strings.Builder
	for i := range runs {
		fmt.Fprintf(&list, "%d %d\n", i*8192, 4096)
	}
	command := r.start(list.String())
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if err := begun.SetReadDeadline(time.Now().Add(3 * time.Minute)); err != nil {
		t.Fatal(err)
	}

	lines := bufio.NewScanner(begun)
	var order []string
	for i := range runs {
		if i >= atOnce {
			if _, err := next.WriteString("g"); err != nil { // one of those that were begun ends
				t.Fatal(err)
			}
		}
		if !lines.Scan() {
			t.Fatalf("%d runs at once, want %d (%v)", i, atOnce, lines.Err())
		}
		order = append(order, lines.Text())
	}

	for range atOnce {
		_, _ = next.WriteString("g")
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	for i, offset := range order {
		began := slices.Index(order, fmt.Sprint(i*8192))
		if began < 0 || (i >= atOnce && began != i) || (i < atOnce && began >= atOnce) { // the first ones begin together
			t.Errorf("run %d is at %s: %v", i, offset, order)
		}
	}
}

// fifo is a pipe with a name, open for reading and writing, so that neither end waits for the other.
func fifo(t *testing.T, path string) *os.File {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// Whatever the list, the machine or the disk is like, the script ends well, and reads only what is plainly a run.
func TestScriptNeverFails(t *testing.T) {
	t.Parallel()
	const record = `log(str(offset)); raise OSError("no such place")`
	for name, test := range map[string]struct {
		list   string
		change func(r reader) error
		want   []string
	}{
		"nothing in it":       {"", nil, nil},
		"no run in it":        {"# start 2048\n", nil, nil},
		"not a list":          {"\x00\x7fELF\xff\xfe\n'\"`reboot`$(reboot)\n\\\n", nil, nil},
		"reads that fail":     {"0 4096\n8192 4096\n", nil, []string{"0\n", "8192\n"}},
		"lines that are none": {"0\n-1 5\n1 2 3\n4096 /x\n 0 \n8192 4096\n0x10 1\n\xb2 1\n0 1048577\n0 9999999999999999999\n9999999999999999999 4096\n", nil, []string{"8192\n"}},
		"beyond every disk":   {"999999999999999999 4096\n8192 4096\n", nil, []string{"8192\n", "999999999999999999\n"}},
		"no list":             {"0 4096\n", func(r reader) error { return os.Remove(r.list) }, nil},
		"no device":           {"0 4096\n", func(r reader) error { return os.Remove(r.disk) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReader(t, record)
			command := r.start(test.list)
			if test.change != nil {
				if err := test.change(r); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v: %s", err, out)
			}
			if got := r.asked(); !slices.Equal(got, test.want) {
				t.Errorf("read %q, want %q", got, test.want)
			}
		})
	}

	r := newReader(t, record)
	r.start("# start 1\n0 4096\n")
	if out, err := r.python("").CombinedOutput(); err != nil || len(out) > 0 || len(r.asked()) > 0 { // the root of this machine, which is another one
		t.Errorf("on another disk: %v: %s, read %v", err, out, r.asked())
	}
}
