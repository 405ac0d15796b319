package boot

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/sandbox/qemu"
	"image-builder/internal/sandbox/sandboxtest"
)

func trace(t *testing.T, path string, storage blockserver.Storage) bootmap.Map {
	t.Helper()
	if err := qemu.Preflight(image.X86_64); err != nil {
		t.Skip(err)
	}
	m, result, err := Boot{}.Traced(t.Context(), qemu.BootConfig{
		Disk: path, WorkDir: t.TempDir(), Arch: image.X86_64, Firmware: image.BIOS, Memory: 128, CPUs: 1, Timeout: 5 * time.Minute,
	}, storage, filepath.Join(t.TempDir(), "log"))
	if err != nil || result.Prompt != "tiny login:" {
		t.Fatalf("%+v, %v", result, err)
	}
	return m
}

// A map has what the machine read, in its order.
func TestTraced(t *testing.T) {
	t.Parallel()
	m := trace(t, sandboxtest.Reader(t, 5), blockserver.Storage{Name: "warm"})
	var order []int64
	for _, block := range m.Blocks {
		order = append(order, block.Index)
	}
	if !slices.Equal(order, []int64{0, 1, 2, 3, 4, 5}) || m.Runs != 1 {
		t.Errorf("blocks %v in %d runs", order, m.Runs)
	}
	if m.Bytes != 6*4096 || m.Waited != 0 || m.Storage != "warm" || m.Accelerator == "" || m.Login <= 0 {
		t.Errorf("%+v", m)
	}
	if len(m.Phases) != 2 || m.Phases[0].Name != "firmware" || m.Phases[0].Blocks != 6 {
		t.Errorf("phases %+v", m.Phases)
	}
}

// A boot that fails, or is cancelled, has no map, and the server goes.
func TestTracedCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := (Boot{}).Traced(ctx, qemu.BootConfig{Disk: sandboxtest.Reader(t, 1), Arch: image.X86_64, Firmware: image.BIOS, Memory: 128}, blockserver.Storage{}, ""); err == nil {
		t.Error("a cancelled boot has a map")
	}
}

// A cold boot waits for each block once, and the trace of a warm one foretells by how much.
func TestCold(t *testing.T) {
	t.Parallel()
	path := sandboxtest.Reader(t, 7)
	slow := blockserver.Storage{Name: "slow", Delay: 200 * time.Millisecond, AtOnce: 4}
	warm := trace(t, path, blockserver.Storage{Name: "warm"})
	cold := trace(t, path, slow)
	if least := 8 * slow.Delay.Seconds(); cold.Waited < least || cold.Login < least || cold.Phases[0].Waited < least {
		t.Errorf("waited %v s of %v s, want at least %v s; phases %+v", cold.Waited, cold.Login, least, cold.Phases)
	}
	if foretold := warm.Predict(slow) - warm.Login; near(foretold, 8*slow.Delay.Seconds()) {
		t.Errorf("the warm boot foretells a wait of %v s", foretold)
	}
	blame := 0.0
	for _, file := range cold.Files {
		blame += file.Waited
	}
	if near(blame, cold.Waited) {
		t.Errorf("files are blamed for %v s of %v s", blame, cold.Waited)
	}
}

func near(got, want float64) bool { return got < want-1e-6 || got > want+1e-6 }

// A boot keeps its budget or fails, and the failure says what it waited for.
func TestWithin(t *testing.T) {
	t.Parallel()
	if err := qemu.Preflight(image.X86_64); err != nil || image.HostArch() != image.X86_64 {
		t.Skip("the disk is for x86_64: ", err)
	}
	img := image.Image{Disk: sandboxtest.Reader(t, 7), Arch: image.X86_64}
	log := filepath.Join(t.TempDir(), "log")
	cold, err := Boot{}.Within(t.Context(), img, image.BootBudget{Login: time.Hour, At: "5MiB/s"}, log)
	if err != nil || cold.At != "5MiB/s" || time.Duration(cold.Waited) < 800*time.Millisecond || cold.Login < cold.Waited || time.Duration(cold.Budget) != time.Hour {
		t.Errorf("%+v, %v", cold, err)
	}

	_, err = Boot{}.Within(t.Context(), img, image.BootBudget{Login: 500 * time.Millisecond, At: "5MiB/s"}, log)
	if err == nil || fault.ClassOf(err) != fault.NotUsable || !strings.Contains(err.Error(), "at 5MiB/s, and the budget is 500ms; it waited ") || !strings.Contains(err.Error(), "most for ") ||
		!strings.Contains(fault.HintOf(err), "image boot --cold 5MiB/s") {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
	if left, _ := os.ReadDir(filepath.Dir(img.Disk)); len(left) != 1 {
		t.Errorf("left beside the disk: %v", left)
	}
}
