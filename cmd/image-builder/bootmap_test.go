package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/bootmap"
	"image-builder/internal/image"
	"image-builder/internal/sandbox/qemu"
	"image-builder/internal/sandbox/sandboxtest"
)

// An image's traced boot is shown and kept.
func TestBootMap(t *testing.T) {
	t.Parallel()
	if err := qemu.Preflight(image.X86_64); err != nil {
		t.Skip(err)
	}
	b := emptyBuilder(t)
	const id = "img-0123456789abcdef0"
	home := filepath.Join(b.dir, "images", id)
	b.run("image", "list")
	record := `{"id":"` + id + `","name":"agent","arch":"x86_64","firmware":["bios"],"size":1,"disk":"images/` + id + `/disk.raw","created":"2026-01-01T00:00:00Z"}`
	disk, err := os.ReadFile(sandboxtest.Reader(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"record.json": []byte(record), "disk.raw": disk} {
		if err := os.MkdirAll(home, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if adopted := b.run("image", "adopt"); adopted != id {
		t.Fatalf("adopted %q", adopted)
	}

	if _, code, text := b.try("image", "show", id, "--boot-map"); code != 4 || !strings.Contains(text, "image-builder image boot "+id+" --trace") {
		t.Errorf("exit status %d: %s", code, text)
	}
	file := filepath.Join(t.TempDir(), "boot.json")
	said := b.run("image", "boot", id, "--trace", file)
	for _, want := range []string{"login prompt after ", "touched  4 blocks of 512 KiB, 2.0 MiB, in 1 run\n", "read     16 KiB of that, by ", "\nexpect   login after ", " at 5MiB/s, login after ", "PHASE ", "firmware"} {
		if !strings.Contains(said, want) {
			t.Errorf("says\n%s\nwant %q", said, want)
		}
	}

	var written, kept bootmap.Map
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &written) != nil || len(written.Blocks) != 4 {
		t.Errorf("%s: %v", text, err)
	}
	if err := json.Unmarshal([]byte(b.run("--json", "image", "show", id, "--boot-map")), &kept); err != nil || kept.Login != written.Login {
		t.Errorf("kept %+v: %v", kept, err)
	}
	if shown := b.run("image", "show", id, "--boot-map"); !strings.HasSuffix(said, shown) {
		t.Errorf("shows\n%s\nafter the boot\n%s", shown, said)
	}

	page := filepath.Join(t.TempDir(), "boot.html")
	var cold struct{ BootMap bootmap.Map }
	if err := json.Unmarshal([]byte(b.run("--json", "image", "boot", id, "--cold", "5MiB/s", "--html", page)), &cold); err != nil {
		t.Fatal(err)
	}
	if m := cold.BootMap; m.Storage != "5MiB/s" || m.Waited < 0.4 || m.Phases[0].Waited < 0.4 || m.Files[0].Waited < 0.1 {
		t.Errorf("cold boot %+v", m)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "<h1>Boot of "+id+"</h1>") {
		t.Errorf("page %s: %v", text, err)
	}
	if after := b.run("--json", "image", "show", id, "--boot-map"); !strings.Contains(after, `"storage":"warm"`) {
		t.Errorf("a cold boot replaced the map: %s", after)
	}
	if _, code, text := b.try("image", "boot", id, "--cold", "tape"); code != 2 || !strings.Contains(text, "warm, 5MiB/s, 300MiB/s") {
		t.Errorf("exit status %d: %s", code, text)
	}
	b.checkHostClean()
}
