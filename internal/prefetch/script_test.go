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

// reader is the script with a dd of the test's own, which is a shell script.
type reader struct {
	t                    *testing.T
	dir, list, disk, log string
}

func newReader(t *testing.T, dd string) reader {
	t.Helper()
	dir := t.TempDir()
	r := reader{t: t, dir: dir, list: filepath.Join(dir, "list"), disk: filepath.Join(dir, "disk"), log: filepath.Join(dir, "log")}
	for name, text := range map[string]string{
		"script": string(scriptText), "disk": strings.Repeat("content\n", 1<<20/8), "log": "", "bin/dd": "#!/bin/sh\n" + dd,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
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
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
	r.t.Cleanup(cancel)
	command := exec.CommandContext(ctx, "/bin/sh", filepath.Join(r.dir, "script"), r.disk, r.list)
	command.Env = []string{"PATH=" + filepath.Join(r.dir, "bin") + ":" + os.Getenv("PATH"), "DIR=" + r.dir}
	return command
}

// asked are the runs that dd was asked for.
func (r reader) asked() []string {
	r.t.Helper()
	text, err := os.ReadFile(r.log)
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.Sorted(strings.Lines(string(text)))
}

// Exactly the bytes of the list are read, with the dd of this machine, and directly from the device.
func TestScriptReadsTheList(t *testing.T) {
	t.Parallel()
	dd, err := exec.LookPath("dd")
	if err != nil {
		t.Skip(err)
	}
	// Not every filesystem has direct reads, as every block device does: without them the rest is still to be seen.
	r := newReader(t, `echo "$@" | grep -q ' iflag=direct,skip_bytes,count_bytes' || exit 1
said=$(`+dd+` "$@" 2>&1 | tail -n 1) || exit 1
case $said in *bytes*) ;; *) said=$(`+dd+` $(echo "$@" | sed s/direct,//) 2>&1 | tail -n 1) ;; esac
echo "$5 $6: ${said%% *}" >>"$DIR/log"
`)
	if out, err := r.start("# start 2048\n8192 4096\n0 65536\n1044480 4096\n").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	want := []string{"skip=0 count=65536: 65536\n", "skip=1044480 count=4096: 4096\n", "skip=8192 count=4096: 4096\n"}
	if got := r.asked(); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

// The list is read in its order, and several runs at once: as one is done, the next in the list begins.
func TestScriptReadsInOrderSeveralAtOnce(t *testing.T) {
	t.Parallel()
	const atOnce = 8
	const runs = 20
	r := newReader(t, `echo "$@" >"$DIR/begun"; read -r _ <"$DIR/go"`+"\n")
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
			if _, err := next.WriteString("go\n"); err != nil { // one of those that were begun ends
				t.Fatal(err)
			}
		}
		if !lines.Scan() {
			t.Fatalf("%d runs at once, want %d (%v)", i, atOnce, lines.Err())
		}
		_, run, _ := strings.Cut(lines.Text(), " skip=")
		order = append(order, strings.Fields(run)[0])
	}

	for range atOnce {
		_, _ = next.WriteString("go\n")
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
	const record = `for word; do case $word in skip=*) run=$word;; esac; done; echo "$run" >>"$DIR/log"; exit 3` + "\n"
	for name, test := range map[string]struct {
		list   string
		change func(r reader) error
		want   []string
	}{
		"nothing in it":       {"", nil, nil},
		"no run in it":        {"# start 2048\n", nil, nil},
		"not a list":          {"\x00\x7fELF\xff\xfe\n'\"`reboot`$(reboot)\n\\\n", nil, nil},
		"reads that fail":     {"0 4096\n8192 4096\n", nil, []string{"skip=0\n", "skip=8192\n"}},
		"lines that are none": {"0\n-1 5\n1 2 3\n4096 of=/x\nskip=0 count=1\n 0 \n8192 4096\n0x10 1\n", nil, []string{"skip=8192\n"}},
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
	command := r.start("0 4096\n")
	command.Env = []string{"PATH=" + r.dir} // no program at all
	if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	list := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(r.dir, "script"), "", r.list) // the root of this machine, which is another one
	list.Env = r.start("# start 1\n0 4096\n").Env
	if out, err := list.CombinedOutput(); err != nil || len(out) > 0 || len(r.asked()) > 0 {
		t.Errorf("on another disk: %v: %s, read %v", err, out, r.asked())
	}
}
