package sandboxtest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/sandbox"
)

func shares(t *testing.T, start Start) {
	t.Helper()
	dir, share := shareDirectory(t)
	readOnly := t.TempDir()
	file := filepath.Join(readOnly, "a file: with a colon")
	must(t, os.WriteFile(file, []byte("content\n"), 0o755))
	m := up(t, start, Disk(t, nil), share,
		sandbox.Share{Source: readOnly, Target: "/tmp/secrets", ReadOnly: true},
		sandbox.Share{Source: file, Target: "/run/deep/down/file", ReadOnly: true})

	got := sh(t, m, `cat /run/deep/down/file; echo new >/run/here/new
		for f in /tmp/secrets/x /run/deep/down/file; do (echo x >$f) 2>/dev/null && echo written $f; done; umount /tmp/secrets 2>/dev/null; ls /tmp`)
	if diff := cmp.Diff("content\nsecrets\n", got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(dir, "new"))
	must(t, err)
	if string(text) != "new\n" {
		t.Errorf("the machine's file reads %q here", text)
	}
}

func reboot(t *testing.T, start Start) {
	t.Helper()
	dir, share := shareDirectory(t)
	m := up(t, start, Disk(t, nil), share)
	sh(t, m, "touch /tmp/file /run/file /run/here/file /root/file")

	const list = "for f in /tmp/file /run/file /run/here/file /root/file; do [ ! -e $f ] || echo $f; done"
	if diff := cmp.Diff("/tmp/file\n/run/file\n/run/here/file\n/root/file\n", sh(t, m, list)); diff != "" {
		t.Errorf("the next command: -want +got\n%s", diff)
	}
	must(t, m.Reboot(t.Context()))

	if diff := cmp.Diff("/run/here/file\n/root/file\n", sh(t, m, list)); diff != "" {
		t.Errorf("after a reboot: -want +got\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "file")); err != nil {
		t.Error(err)
	}
}

func mounts(t *testing.T, start Start) {
	t.Helper()
	m := up(t, start, Disk(t, nil))
	before := mountsOf(t, "left-behind")
	sh(t, m, "mount -t tmpfs left-behind /mnt; touch /mnt/file; mkdir /root/tree; mount --bind /root/tree /var")
	if diff := cmp.Diff(before, mountsOf(t, "left-behind")); diff != "" {
		t.Errorf("here: -before +after\n%s", diff)
	}
	if got := sh(t, m, "ls /mnt; [ -d /var/log ] && echo var"); got != "var\n" {
		t.Errorf("the next command sees %q", got)
	}
}

func shortLived(t *testing.T, start Start) {
	t.Helper()
	m, err := start(t.Context(), Disk(t, nil), t.TempDir(), nil)
	must(t, err)
	must(t, m.Stop(t.Context()))
}

func shareOnDisk(t *testing.T, start Start) {
	t.Helper()
	for _, target := range []string{"/etc/x", "/run/../etc/x", "/run", "tmp/x", "/"} {
		m, err := start(t.Context(), Disk(t, nil), t.TempDir(), []sandbox.Share{{Source: t.TempDir(), Target: target}})
		if err == nil {
			var out bytes.Buffer
			err = m.Run(t.Context(), shell("true", &out, &out))
			must(t, m.Stop(t.Context()))
		}
		if err == nil {
			t.Errorf("a share at %s is accepted", target)
		}
	}
}
