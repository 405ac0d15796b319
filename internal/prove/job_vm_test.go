package prove

import (
	"context"
	"os"
	"slices"
	"testing"

	"image-builder/internal/base/basetest"
	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/prefetch"
	"image-builder/internal/sandbox/qemu"
	"image-builder/internal/testbed/programtest"
	"image-builder/internal/testbed/venv"
)

// A virtual machine has a network, another kernel and no shares: the same job runs there. While it boots, what its list says is read
// ahead, from parts of the disk that nothing else reads.
func TestFirstJobInVM(t *testing.T) {
	t.Parallel()
	if err := qemu.Preflight(image.X86_64); err != nil || image.HostArch() != image.X86_64 {
		t.Skip("no virtual machine for this disk: ", err)
	}
	program := programtest.Path(t)
	base := agentBase(t, venv.Agent(t))
	listed := readAhead(t, base)
	var server *blockserver.Server
	machine := Machine{Network: bootLimit, Start: startWith(program, func(config *qemu.BootConfig) {
		server = serve(t, config.Disk)
		config.Blocks = server.Connect
	})}

	proof, err := firstJob(t, base, program, machine, "", basetest.QuickBoot)
	checkJob(t, proof, err)
	if slices.Contains(proof.Failed, "image-builder-prefetch.service") {
		t.Errorf("units failed: %v", proof.Failed)
	}
	read := map[int64]int64{}
	for _, r := range server.Reads() {
		for _, run := range listed {
			if run.Offset <= r.Offset && r.Offset+r.Length <= run.Offset+run.Length {
				read[run.Offset] += r.Length
			}
		}
	}
	for _, run := range listed {
		if read[run.Offset] != run.Length {
			t.Errorf("%d bytes of %v were read ahead", read[run.Offset], run)
		}
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
	for i := range int64(20) {
		run := disk.Extent{Offset: (end>>20 - 40 + i) << 20, Length: 4096 * (i + 1)}
		runs = append(runs, run)
		reads = append(reads, blockserver.Read{Offset: run.Offset, Length: run.Length})
	}

	seen := prefetch.Prefetch{Boot: func(context.Context, string) (bootmap.Boot, error) { return bootmap.Boot{Reads: reads}, nil }}
	if _, err := seen.Disk(t.Context(), path, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return runs
}

// serve shows a disk as long as the test runs.
func serve(t *testing.T, path string) *blockserver.Server {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	server := blockserver.New(file, info.Size(), blockserver.Storage{})
	t.Cleanup(func() {
		server.Close()
		_ = file.Close()
	})

	return server
}
