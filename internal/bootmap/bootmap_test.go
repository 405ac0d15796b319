package bootmap

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/disk"
)

const (
	block = blockserver.BlockSize
	ms    = time.Millisecond
)

// layout is a disk of files, each of which begins at a page.
type layout map[int64]string

func (l layout) At(offset int64) disk.Run {
	for at := offset / page; at >= 0; at-- {
		if path := l[at]; path != "" {
			return disk.Run{Use: disk.File, Path: path}
		}
	}
	return disk.Run{Use: disk.Journal}
}

func TestMap(t *testing.T) {
	t.Parallel()
	m := Make(Boot{
		Reads: []blockserver.Read{
			{At: 100 * ms, Offset: 0, Length: 512, Waited: 100 * ms},                         // the first page of block 0
			{At: 1000 * ms, Offset: 512, Length: 512},                                        // which is read already
			{At: 2000 * ms, Offset: 2*block - page, Length: 2 * page, Waited: 200 * ms},      // the end of block 1, the beginning of block 2
			{At: 2100 * ms, Offset: 9 * block, Length: page, Waited: 200 * ms, Beside: true}, // waits beside it
			{At: 8000 * ms, Offset: 20 * block, Length: page, Waited: 200 * time.Second},     // after the login
		},
		Console: []Line{
			{500 * ms, "[    0.000000] Linux version 6.1"},
			{600 * ms, "Welcome to GRUB!"},
			{1500 * ms, "systemd[1]: systemd 252 running in system mode"},
			{1900 * ms, "[   1.9] systemd[1]: Starting a.service - Do A..."},
			{2050 * ms, "         Starting b-is-lo…[0momething to describe at length..."},
			{2200 * ms, "[  OK  ] Finished a.service - Do A."},
			{2250 * ms, "[  OK  ] Started b-is-lo…Something to describe at length."},
			{4000 * ms, "[   4.0] systemd[1]: Starting late.service..."},
		},
		Login: 3 * time.Second, Storage: "5MiB/s", Accel: "tcg",
	}, layout{1: "/boot/kernel", 2 * block / page: "/usr/bin/a"}, []UnitName{{"b-is-long.service", "Something to describe at length"}, {"b-is-longer.service", "Has nothing to describe at length"}})

	if m.Bytes != 4*page || m.Requests != 4 || m.Runs != 2 || len(m.Blocks) != 4 {
		t.Errorf("%d bytes, %d requests, %d runs, %d blocks", m.Bytes, m.Requests, m.Runs, len(m.Blocks))
	}
	wantBlocks := []Block{{0, 0.1, "journal", false}, {1, 2, "/boot/kernel", false}, {2, 2, "/usr/bin/a", true}, {9, 2.1, "/usr/bin/a", true}}
	if !slices.Equal(m.Blocks, wantBlocks) {
		t.Errorf("blocks %+v", m.Blocks)
	}

	spans(t, m.Phases, "firmware 0-0.5: 1 block, 4096 bytes, waited 0.1", "kernel 0.5-1.5: 0 block, 0 bytes, waited 0", "units 1.5-3: 3 block, 12288 bytes, waited 0.3")
	spans(t, m.Units, "a.service 1.9-2.2: 3 block, 12288 bytes, waited 0.2", "b-is-long.service 2.05-2.25: 1 block, 4096 bytes, waited 0.2")
	if near(m.Waited, 0.4) {
		t.Errorf("waited %v", m.Waited)
	}

	first := m.Files[0]
	if first.What != "/usr/bin/a" || first.Blocks != 2 || first.Bytes != 2*page || near(first.Waited, 0.15) || !slices.Equal(first.Units, []string{"a.service", "b-is-long.service"}) {
		t.Errorf("first file %+v", first)
	}
	if kernel := m.Files[1]; kernel.What != "/boot/kernel" || near(kernel.Waited, 0.15) {
		t.Errorf("its neighbour %+v", kernel)
	}
}

func near(got, want float64) bool { return got < want-1e-6 || got > want+1e-6 }

func spans(t *testing.T, got []Span, want ...string) {
	t.Helper()
	var said []string
	for _, s := range got {
		said = append(said, strings.TrimSpace(spanText(s)))
	}
	if !slices.Equal(said, want) {
		t.Errorf("spans\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}

// A console comes in pieces, with what a terminal obeys.
func TestRecorder(t *testing.T) {
	t.Parallel()
	now := time.Unix(100, 0)
	r := NewRecorder(func() time.Time { return now })
	write := func(text string) {
		if n, err := r.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	write("before the boot\n")
	now = time.Unix(200, 0)
	write("[\x1b[0;32m  OK  \x1b[0m] Star")
	now = time.Unix(201, 0)
	write("ted \x1b[0;1;39mssh.serv…ice\x1b[0m.\r\r\n\r\n")
	write("\x1b[2J\r")
	now = time.Unix(202, 0)
	write("host login: ")

	got := r.Lines(time.Unix(150, 0))
	want := []Line{{50 * time.Second, "[  OK  ] Started ssh.serv…ice."}, {52 * time.Second, "host login:"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestUnitNames(t *testing.T) {
	t.Parallel()
	names := UnitNames(fstest.MapFS{
		"usr/lib/systemd/system/ssh.service": {Data: []byte("[Unit]\nDescription=OpenBSD Secure Shell server\n")},
		"etc/systemd/system/ssh.service":     {Data: []byte("[Unit]\nDescription=Ours\n")},
		"etc/systemd/system/gone.service":    {Mode: fs.ModeSymlink, Data: []byte("/nowhere")},
		"usr/lib/systemd/system/x.wants/y":   {Data: []byte("")},
	})
	if !slices.Equal(names, []UnitName{{"ssh.service", "Ours"}}) {
		t.Errorf("%+v", names)
	}
}

func spanText(s Span) string {
	return fmt.Sprintf("%s %.4g-%.4g: %d block, %d bytes, waited %.3g", s.Name, s.Start, s.End, s.Blocks, s.Bytes, s.Waited)
}

// What the terminal of a Debian machine shows is shortened in the middle, at times in a colour's command. The kernel's log
// and the units' files have the names.
func TestUnitNamed(t *testing.T) {
	t.Parallel()
	console := []Line{{0, "[   69.2] systemd[1]: Starting modprobe@dm_mod.service - Load Kernel Module dm_mod..."}}
	names := append(shownWhole(console), UnitName{"systemd-tmpfiles-setup.service", "Create System Files and Directories"})
	for text, want := range map[string]string{
		"ssh.service - OpenBSD Secure Shell server":         "ssh.service",
		"modprobe@dm_mod.s…[0m - Load Kernel Module dm_mod": "modprobe@dm_mod.service",
		"systemd-tmpfiles-…te System Files and Directories": "systemd-tmpfiles-setup.service",
		"modprobe@configfs…m - Load Kernel Module configfs": "modprobe@configfs… - Load Kernel Module configfs",
	} {
		if got := unitNamed(text, names); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// Blocks that are asked for together load together; the others one after the other.
func TestPredict(t *testing.T) {
	t.Parallel()
	m := Map{Login: 10, Blocks: []Block{{At: 1}, {At: 1.1, Beside: true}, {At: 1.2, Beside: true}, {At: 2}, {At: 3}}}
	for atOnce, want := range map[int]float64{16: 10.3, 2: 10.4, 1: 10.5} {
		if got := m.Predict(blockserver.Storage{Delay: 100 * ms, AtOnce: atOnce}); near(got, want) {
			t.Errorf("%d at once: %v, want %v", atOnce, got, want)
		}
	}
	if got := m.Predict(blockserver.Storage{}); got != 10 {
		t.Errorf("warm: %v", got)
	}
}

// While units start, one that waits does not keep the others: what loads meanwhile counts as far as it takes longer than they do.
func TestPredictWhileUnitsStart(t *testing.T) {
	t.Parallel()
	blocks := []Block{{At: 1}, {At: 5}, {At: 6}, {At: 7}, {At: 8}, {At: 11}}
	phases := []Span{{Name: "firmware", End: 5}, {Name: "units", Start: 5, End: 9}, {Name: "first job", Start: 9, End: 12}}
	m := Map{Login: 9, Job: 12, Blocks: blocks, Phases: phases}
	for delay, want := range map[time.Duration]float64{0: 12, 100 * ms: 12.2, 1000 * ms: 14, 2000 * ms: 20} {
		if got := m.Predict(blockserver.Storage{Delay: delay, AtOnce: 1}); near(got, want) {
			t.Errorf("%s a block: %v, want %v", delay, got, want)
		}
	}
}
