package disk

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestExportQCOW2(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("needs qemu-img: apt-get install qemu-utils")
	}
	dir := t.TempDir()
	src := filepath.Join(dir, "disk,a:b.raw")
	dst := filepath.Join(dir, "disk,a:b.qcow2")
	if err := errors.Join(os.WriteFile(src, []byte("the first bytes"), 0o600), os.Truncate(src, 8<<20)); err != nil {
		t.Fatal(err)
	}

	done := int64(0)
	total := int64(0)
	if err := ExportQCOW2(t.Context(), dst, src, func(d, t int64) {
		done = d
		total = t
	}); err != nil {
		t.Fatal(err)
	}
	if done != 8<<20 || total != 8<<20 {
		t.Errorf("%d of %d bytes were reported, want all of 8 MiB", done, total)
	}

	if out, err := exec.CommandContext(t.Context(), "qemu-img", "compare", "-f", "raw", "-F", "qcow2", "file:"+src, "file:"+dst).CombinedOutput(); err != nil {
		t.Errorf("qemu-img compare: %v: %s", err, out)
	}
	if info, err := os.Stat(dst); err != nil || info.Size() > 1<<20 {
		t.Errorf("the holes were written: %d bytes, %v", info.Size(), err)
	}
	if err := ExportQCOW2(t.Context(), dst, src, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("ExportQCOW2 over a file: %v", err)
	}
}
