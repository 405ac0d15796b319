package prove

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"image-builder/internal/base/basetest"
	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/prefetch"
	"image-builder/internal/sandbox/qemu"
	"image-builder/internal/sandbox/sandboxtest"
	"image-builder/internal/testbed/programtest"
	"image-builder/internal/testbed/venv"
)

// A virtual machine has a network, another kernel and no shares: the same job runs there, and what it reads is seen up to its end.
// While the machine boots, what its list says is read ahead, from parts of the disk that nothing else reads.
func TestFirstJobInVM(t *testing.T) {
	t.Parallel()
	if err := qemu.Preflight(image.X86_64); err != nil || image.HostArch() != image.X86_64 {
		t.Skip("no virtual machine for this disk: ", err)
	}
	program := programtest.Path(t)
	base := agentBase(t, venv.Agent(t))
	listed := readAhead(t, base)
	var boot bootmap.Boot
	machine := Machine{Watched: watched(program), Network: bootLimit}
	proof, err := firstJob(t, base, program, machine, "", basetest.QuickBoot, func(b bootmap.Boot) { boot = b })
	checkJob(t, proof, err)
	if slices.Contains(proof.Failed, "image-builder-prefetch.service") {
		t.Errorf("units failed: %v", proof.Failed)
	}

	read := map[int64]int64{}
	late := 0
	for _, r := range boot.Reads {
		if r.At > boot.Login && r.At <= boot.Job {
			late++
		}
		for _, run := range listed {
			read[run.Offset] += max(0, min(r.Offset+r.Length, run.Offset+run.Length)-max(r.Offset, run.Offset))
		}
	}
	for _, run := range listed {
		if read[run.Offset] != run.Length {
			t.Errorf("%d bytes of %v were read ahead", read[run.Offset], run)
		}
	}
	if job := time.Duration(proof.Job.Done); late == 0 || boot.Job > job || boot.Job < job/2 || boot.Login >= boot.Job || boot.Accel == "" {
		t.Errorf("%d reads after the login; login %v, job %v of %v by %q", late, boot.Login, boot.Job, job, boot.Accel)
	}
}

// A job that was too slow says what it waited for.
func TestSlowJob(t *testing.T) {
	t.Parallel()
	if err := qemu.Preflight(image.X86_64); err != nil {
		t.Skip(err)
	}
	path := sandboxtest.Reader(t, 7)
	storage := blockserver.Storage{Name: "slow", Delay: 100 * time.Millisecond, AtOnce: 4}
	watch, err := bootmap.NewWatch(path, storage)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Close() }()
	began := time.Now()
	_, err = qemu.Boot(t.Context(), qemu.BootConfig{
		Disk: path, WorkDir: t.TempDir(), Arch: image.X86_64, Firmware: image.BIOS, Memory: 128, CPUs: 1, Timeout: 5 * time.Minute,
		Blocks: watch.Blocks, Console: watch.Console(),
	})
	if err != nil {
		t.Fatal(err)
	}

	done := image.Duration(time.Since(began))
	proof := image.Proof{Job: &image.Job{Login: done / 2, Done: done, Budget: 1}}
	var boot bootmap.Boot
	d := Definition{Image: image.Image{Disk: path}, Storage: storage, Seen: func(b bootmap.Boot) { boot = b }}
	err = Prove{}.watch(t.Context(), d, watch, nil, &proof, began)
	blame := regexp.MustCompile(` at slow, and the budget is 1ns: .*; it waited [0-9.]+s for storage, most for the disk \(`)
	if err == nil || !blame.MatchString(err.Error()) {
		t.Error(err)
	}
	if proof.Job.At != "slow" || time.Duration(proof.Job.Waited) < 800*time.Millisecond || len(boot.Reads) == 0 || boot.Job <= boot.Login {
		t.Errorf("%+v, %d reads", proof.Job, len(boot.Reads))
	}
}

// readAhead gives a disk a list of runs at its end, which is free space, and returns them.
func readAhead(t *testing.T, path string) []disk.Extent {
	t.Helper()
	root, err := disk.Root(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	end := info.Size()
	if root.Size > 0 {
		end = root.Offset + root.Size
	}

	var reads []blockserver.Read
	var runs []disk.Extent
	for i := range int64(4) {
		run := disk.Extent{Offset: (end>>20 - 40 + 8*i) << 20, Length: 4096 * (i + 1)}
		runs = append(runs, run)
		reads = append(reads, blockserver.Read{Offset: run.Offset, Length: run.Length})
	}

	seen := prefetch.Prefetch{Boot: func(context.Context, string) (bootmap.Boot, error) { return bootmap.Boot{Reads: reads}, nil }}
	if _, err := seen.Disk(t.Context(), path, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	basetest.Change(t, path, unhurried)

	return runs
}

// unhurried lets the reading take as long as it takes on a busy machine.
func unhurried(root string) error {
	const limit = "RuntimeMaxSec=120"
	file := filepath.Join(root, "etc/systemd/system/image-builder-prefetch.service")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), limit) {
		return fmt.Errorf("%s has no %s", file, limit)
	}
	return os.WriteFile(file, []byte(strings.Replace(string(text), limit, limit+"00", 1)), 0o644)
}
