package disk

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/diskfs/go-diskfs/partition/gpt"
	"golang.org/x/sys/unix"
)

const (
	mib      = 1 << 20
	rootGUID = gpt.LinuxRootX86_64
	espGUID  = gpt.EFISystemPartition
)

func needRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root: loop devices and mounts")
	}
}

func run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	exe, err := lookProgram(name, name)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := exec.Command(exe, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// filesystem makes a file of the given size with a filesystem that holds /etc/os-release.
func filesystem(tb testing.TB, kind string, size int64) string {
	tb.Helper()
	dir := tb.TempDir()
	path := filepath.Join(dir, "fs")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		tb.Fatal(err)
	}

	if kind == XFS {
		proto := filepath.Join(dir, "proto")
		release := filepath.Join(dir, "os-release")
		write(tb, release, "ID=test\n")
		write(tb, proto, "/dev/null\n0 0\nd--755 0 0\netc d--755 0 0\nos-release ---644 0 0 "+release+"\n$\n$\n")
		run(tb, "mkfs.xfs", "-q", "-p", proto, path)
		return path
	}

	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(filepath.Join(tree, "etc"), 0o755); err != nil {
		tb.Fatal(err)
	}
	write(tb, filepath.Join(tree, "etc/os-release"), "ID=test\n")
	run(tb, "mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, path)

	return path
}

func write(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// part is a partition to be made: its type and, if it has one, the file with its filesystem.
type part struct {
	kind gpt.Type
	size int64
	from string
}

// table makes a GPT disk of these partitions, one after the other from 1 MiB on, and a MiB behind them.
func table(tb testing.TB, parts ...part) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "disk.raw")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()

	layout := &gpt.Table{LogicalSectorSize: 512, PhysicalSectorSize: 512, ProtectiveMBR: true}
	at := int64(mib)
	for i, p := range parts {
		layout.Partitions = append(layout.Partitions, &gpt.Partition{
			Index: i + 1, Type: p.kind, Start: uint64(at / 512), End: uint64((at+p.size)/512 - 1), Size: uint64(p.size),
		})
		if p.from != "" {
			run(tb, "dd", "if="+p.from, "of="+path, "bs=1M", "conv=notrunc,sparse", "seek="+strconv.FormatInt(at/mib, 10))
		}
		at += p.size
	}

	if err := f.Truncate(at + mib); err != nil {
		tb.Fatal(err)
	}
	if err := layout.Write(f, at+mib); err != nil {
		tb.Fatal(err)
	}

	return path
}

// rootDisk is a GPT disk with an ESP and a root of the given filesystem.
func rootDisk(tb testing.TB, kind string) string {
	tb.Helper()
	size := int64(64 * mib)
	if kind == XFS {
		size = 300 * mib
	}
	return table(tb, part{kind: gpt.EFISystemPartition, size: 4 * mib},
		part{kind: gpt.LinuxRootX86_64, size: size, from: filesystem(tb, kind, size)})
}

func TestRootIsMountedTrimmedCheckedAndLetGo(t *testing.T) {
	t.Parallel()
	needRoot(t)

	for _, kind := range []string{Ext4, XFS} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			path := rootDisk(t, kind)
			secret := bytes.Repeat([]byte("a secret that nobody may find "), 100_000)
			m := mustOpen(t, path)
			write(t, filepath.Join(m.Dir(), "secret"), string(secret))
			write(t, filepath.Join(m.Dir(), "kept"), "kept")
			unix.Sync()
			if !holds(t, path, secret[:30]) {
				t.Fatal("the secret never reached the disk: the test shows nothing")
			}

			if err := os.Remove(filepath.Join(m.Dir(), "secret")); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(m.Trim(t.Context()), m.Close(t.Context()), m.Close(t.Context())); err != nil {
				t.Fatal(err)
			}
			if holds(t, path, secret[:30]) {
				t.Error("after Trim the disk still holds what was deleted")
			}

			if err := Check(t.Context(), path); err != nil {
				t.Error(err)
			}
			if mounted(t, m.Dir()) {
				t.Errorf("%s is still mounted", m.Dir())
			}
			if used := loops(t, path); used != "" {
				t.Errorf("still attached: %s", used)
			}
		})
	}
}

func TestEightDisksAtOnce(t *testing.T) {
	t.Parallel()
	needRoot(t)
	base := rootDisk(t, Ext4)

	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			dir := t.TempDir()
			path := filepath.Join(dir, "disk.raw")
			tree := filepath.Join(dir, "tree")
			err := errors.Join(Clone(t.Context(), path, base, nil), os.Mkdir(tree, 0o700))
			if err != nil {
				t.Error(err)
				return
			}

			for range 5 {
				m, err := Open(t.Context(), path, tree)
				if err != nil {
					t.Error(err)
					return
				}
				write(t, filepath.Join(tree, "who"), strconv.Itoa(i))
				if err := errors.Join(m.Trim(t.Context()), m.Close(t.Context()), Check(t.Context(), path)); err != nil {
					t.Error(err)
				}
			}

			err = Inspect(t.Context(), path, func(tree *os.Root) error {
				text, err := tree.ReadFile("who")
				if string(text) != strconv.Itoa(i) {
					t.Errorf("disk %d holds %q", i, text)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}

	group.Wait()
}

func TestCloseWaitsForTheLastUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	m := mustOpen(t, rootDisk(t, Ext4))
	busy := exec.Command("sh", "-c", "echo ready; exec sleep 1")
	busy.Dir = m.Dir()
	out, err := busy.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}

	if err := busy.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPathsOfAHostileTreeStayInside(t *testing.T) {
	t.Parallel()
	needRoot(t)
	path := rootDisk(t, Ext4)
	m := mustOpen(t, path)
	if err := os.Symlink("/etc/passwd", filepath.Join(m.Dir(), "out")); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	err := Inspect(t.Context(), path, func(tree *os.Root) error {
		_, err := tree.ReadFile("out")
		return err
	})
	if err == nil || errors.Is(err, fs.ErrPermission) {
		t.Errorf("reading a link out of the tree: got %v", err)
	}
}

func TestWritesThatDoNotFitFailTheDisk(t *testing.T) {
	t.Parallel()
	needRoot(t)

	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=24m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(small, unix.MNT_DETACH) })

	path := filepath.Join(small, "disk.raw")
	if err := Clone(t.Context(), path, rootDisk(t, Ext4), nil); err != nil {
		t.Fatal(err)
	}
	m := mustOpen(t, path)
	write(t, filepath.Join(m.Dir(), "large"), strings.Repeat("x", 30*mib))
	unix.Sync() // the kernel reports the error now, to no process
	if err := m.Trim(t.Context()); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}

	if err := m.Close(t.Context()); loops(t, path) != "" || mounted(t, m.Dir()) {
		t.Errorf("still there after Close: %v", err)
	}
}

func TestADiskCannotAskForAPanic(t *testing.T) {
	t.Parallel()
	needRoot(t)
	from := filesystem(t, Ext4, 64*mib)
	run(t, "tune2fs", "-e", "panic", from)
	m := mustOpen(t, from)

	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(table), " "+m.Dir()+" ")
	line, _, _ = strings.Cut(line, "\n")
	if !strings.Contains(line, "errors=remount-ro") {
		t.Errorf("mounted as %s", line)
	}

	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func mustOpen(tb testing.TB, path string) *Mount {
	tb.Helper()
	m, err := Open(tb.Context(), path, tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close(tb.Context()) })
	return m
}

func holds(tb testing.TB, path string, text []byte) bool {
	tb.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.Contains(all, text)
}

func mounted(tb testing.TB, dir string) bool {
	tb.Helper()
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Contains(string(table), " "+dir+" ")
}

func loops(tb testing.TB, path string) string {
	tb.Helper()
	return run(tb, "losetup", "-j", path)
}
