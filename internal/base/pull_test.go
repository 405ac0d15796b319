package base

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/diskfs/go-diskfs/partition/mbr"
	"github.com/google/go-cmp/cmp"

	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/progress"
)

func run(tb testing.TB, name string, args ...string) {
	tb.Helper()
	if out, err := exec.CommandContext(tb.Context(), name, args...).CombinedOutput(); err != nil {
		tb.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func needRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root: loop devices and mounts")
	}
}

// wholeDisk is a file with an ext4 that looks like a system's: /etc/os-release, and a program of this machine.
func wholeDisk(tb testing.TB) string {
	tb.Helper()
	tree := tb.TempDir()
	path := filepath.Join(tb.TempDir(), "disk.raw")

	program, err := os.ReadFile("/usr/bin/env")
	if err != nil {
		tb.Fatal(err)
	}
	err = errors.Join(os.MkdirAll(filepath.Join(tree, "etc"), 0o755), os.MkdirAll(filepath.Join(tree, "usr/bin"), 0o755),
		os.WriteFile(filepath.Join(tree, "etc/os-release"), []byte("ID=test\nPRETTY_NAME=\"Test\x1b[31m 1\"\n"), 0o644),
		os.WriteFile(filepath.Join(tree, "usr/bin/env"), program, 0o755),
		os.WriteFile(path, nil, 0o600), os.Truncate(path, 64<<20))
	if err != nil {
		tb.Fatal(err)
	}

	run(tb, "mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, path)
	return path
}

func maker(tb testing.TB) Maker {
	tb.Helper()
	return Maker{Dir: tb.TempDir(), Now: time.Now}
}

func pull(tb testing.TB, m Maker, location string) (image.Base, error) {
	tb.Helper()
	return m.Pull(tb.Context(), Source{Location: location, Name: "test"})
}

func TestPullTakesDisksOfEveryKind(t *testing.T) {
	t.Parallel()
	needRoot(t)
	raw := wholeDisk(t)
	qcow2 := filepath.Join(t.TempDir(), "disk.img")
	divided := filepath.Join(t.TempDir(), "mbr.raw")
	run(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow2)
	run(t, "dd", "if="+raw, "of="+divided, "bs=1M", "seek=1") // zeroes written out

	f, err := os.OpenFile(divided, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	table := &mbr.Table{Partitions: []*mbr.Partition{{Type: mbr.Linux, Start: 2048, Size: 64 << 11}}}
	if err := table.Write(f, 65<<20); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		path string
		size int64
	}{"raw": {raw, 64 << 20}, "qcow2": {qcow2, 64 << 20}, "MBR": {divided, 65 << 20}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := maker(t)
			got, err := pull(t, m, c.path)
			if err != nil {
				t.Fatal(err)
			}

			text, err := os.ReadFile(got.Disk)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(text)
			want := image.Base{
				Name: "test", Origin: got.Origin, SHA256: hex.EncodeToString(sum[:]), Arch: hostArch(t), OS: "Test[31m 1",
				Firmware: []image.Firmware{}, Filesystem: disk.Ext4, Size: c.size, Data: got.Data,
				Disk: filepath.Join(m.Dir, "disk.raw"), Created: got.Created,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}

			if got.Data > 16<<20 {
				t.Errorf("%d bytes of data: zeroes did not become holes", got.Data)
			}
			if info, err := os.Stat(got.Disk); err != nil || info.Mode().Perm() != 0o444 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if left, err := os.ReadDir(m.Dir); err != nil || len(left) != 1 {
				t.Errorf("left over: %v, %v", left, err)
			}
		})
	}
}

func hostArch(tb testing.TB) image.Arch {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "uname", "-m").Output()
	if err != nil {
		tb.Fatal(err)
	}
	if strings.TrimSpace(string(out)) == "aarch64" {
		return image.ARM64
	}
	return image.X86_64
}

func TestPullRefusesWhatIsNoDisk(t *testing.T) {
	t.Parallel()
	needRoot(t)
	raw := wholeDisk(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}

	backed := filepath.Join(dir, "backed.qcow2")
	external := filepath.Join(dir, "external.qcow2")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", backed)
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file="+filepath.Join(dir, "data"), external, "64M")
	disguised := file("disguised.raw", "QFI\xfb"+strings.Repeat("\x00", 200))

	damaged := filepath.Join(dir, "damaged.raw")
	if err := disk.Clone(t.Context(), damaged, raw, nil); err != nil {
		t.Fatal(err)
	}
	run(t, "debugfs", "-w", "-R", "clri <12>", damaged)

	for name, c := range map[string]struct{ path, reason string }{
		"with a backing file":  {backed, "backing file"},
		"with external data":   {external, "external file"},
		"of unknown version":   {disguised, "version 0 is not known"},
		"compressed":           {file("disk.raw.gz", "\x1f\x8b\x08"+strings.Repeat(" ", 5000)), "gzip"},
		"a web page":           {file("page.raw", "<html>"+strings.Repeat(" ", 5000)), "HTML"},
		"tiny":                 {file("tiny", "x"), "not a disk"},
		"garbage":              {file("garbage", strings.Repeat("garbage ", 4096)), "neither"},
		"a directory":          {dir, "not a regular file"},
		"absent":               {filepath.Join(dir, "absent"), "no such file"},
		"a device":             {"/dev/zero", "not a regular file"},
		"a damaged filesystem": {damaged, "damaged"},
		"by http":              {"http://localhost/disk.raw", "https only"},
		"without checksum":     {"https://localhost/disk.raw", "SHA-256 is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := maker(t)
			_, err := pull(t, m, c.path)
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %v, want one that says %q", err, c.reason)
			}
			if err != nil && strings.Contains(err.Error(), m.Dir) {
				t.Errorf("%v names our own copy, not the user's file", err)
			}
		})
	}
}

// serve offers the file at path by https and returns its URL and a Maker that trusts the server.
func serve(tb testing.TB, path string) (string, Maker) {
	tb.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/disk.raw":
			http.ServeFile(w, r, path)
		case "/away":
			http.Redirect(w, r, "http://"+r.Host+"/disk.raw", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))

	tb.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	m := maker(tb)
	m.transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}

	return server.URL, m
}

func TestDownloadIsCheckedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	needRoot(t)
	raw := wholeDisk(t)
	text, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}

	digest := sha256.Sum256(text)
	right := hex.EncodeToString(digest[:])

	wrong := strings.Repeat("0", 64)
	for name, c := range map[string]struct{ path, sum, reason string }{
		"right":              {"/disk.raw?token=hush", right, ""},
		"another file":       {"/disk.raw?token=hush", wrong, "its SHA-256 is " + right},
		"not there":          {"/absent?token=hush", right, "404"},
		"redirected to http": {"/away?token=hush", right, "something else than https"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, m := serve(t, raw)
			moved := int64(0)
			m.Progress = func(e progress.Event) { moved = max(moved, e.Done) }
			got, err := pull(t, m, url+c.path+"#sha256="+c.sum)

			if c.reason == "" {
				if err != nil || got.SHA256 != right || got.Origin != url+"/disk.raw" || moved != 64<<20 {
					t.Errorf("got %+v, %v, %d bytes reported", got, err, moved)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.reason) || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v, want one that says %q", err, c.reason)
			}
		})
	}
}

func TestPullStopsWithItsContext(t *testing.T) {
	t.Parallel()
	needRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := maker(t).Pull(ctx, Source{Location: wholeDisk(t), Name: "test"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLinksOfAHostileDiskAreNotFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "os-release")
	err := errors.Join(os.WriteFile(secret, []byte("ID=the-hosts\n"), 0o600), os.Mkdir(filepath.Join(dir, "etc"), 0o700),
		os.Symlink(secret, filepath.Join(dir, "etc/os-release")), os.Mkdir(filepath.Join(dir, "bin"), 0o700),
		os.Symlink("../../../../../../../../bin/sh", filepath.Join(dir, "bin/sh")))
	if err != nil {
		t.Fatal(err)
	}

	tree, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()

	if got := systemName(tree); got != "unknown" {
		t.Errorf("it read %q of the host", got)
	}
	if got, err := Architecture(tree); err == nil {
		t.Errorf("it read %q of the host", got)
	}
}

func TestBlocksOfZeroesBecomeHoles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sparse")
	out, err := newSparse(path)
	if err != nil {
		t.Fatal(err)
	}

	want := bytes.Join([][]byte{{1, 2, 3}, make([]byte, 1<<20), {4}, make([]byte, 100_000)}, nil)
	for part := range bytes.Lines(want) { // pieces of odd lengths
		if _, err := out.Write(part); err != nil {
			t.Fatal(err)
		}
	}

	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes differ from %d (%v)", len(got), len(want), err)
	}
	if n, err := disk.Data(path); err != nil || n > 64<<10 {
		t.Errorf("%d bytes of data, %v", n, err)
	}
}
