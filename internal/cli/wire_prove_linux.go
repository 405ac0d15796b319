package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"image-builder/internal/agentcheck"
	"image-builder/internal/bootmap"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/prove"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/nspawn"
	"image-builder/internal/sandbox/qemu"
)

// testNetwork is how long a virtual machine may take to get an address after its boot.
const testNetwork = time.Minute

// prove returns the test stage. program is this program; nesting lets a container daemon run in a container.
func (w *wiring) prove(program string, nesting bool, skip []string) *prove.Prove {
	return &prove.Prove{
		Machines: map[image.TestIn]prove.Machine{
			image.TestContainer: {Start: bootedContainer(program, nesting), Writes: true},
			image.TestVM:        {Start: virtualMachine(program), Watched: watchedMachine(program), Network: testNetwork, Takes: qemu.Takes},
		},
		Check:  func(ctx context.Context, tree *os.Root) error { return checkAgent(ctx, tree, skip) },
		Binary: program, Report: w.report, Now: w.env.Now,
	}
}

// checkAgent refuses an image made from an Elastic CI Stack's AMI that is not fit to be an agent.
func checkAgent(ctx context.Context, tree *os.Root, skip []string) error {
	if !agentcheck.IsAgent(tree.FS()) {
		return nil
	}
	found, err := agentcheck.Check(ctx, tree.FS(), skip)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return nil
	}

	lines := make([]string, len(found))
	for i, one := range found {
		lines[i] = one.Name + ": " + one.Text + ": " + one.Hint
	}

	return &prove.Failure{
		What: "it is not a fresh agent: " + strings.Join(lines, "; "),
		Do:   "correct it in the recipe; --skip-check " + found[0].Name + " leaves a check out",
	}
}

// bootedContainer starts containers whose init runs.
func bootedContainer(program string, nesting bool) func(context.Context, string, string, []sandbox.Share) (sandbox.Machine, error) {
	return func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		m, err := nspawn.Boot(ctx, nspawn.BootConfig{
			Config: nspawn.Config{Disk: disk, WorkDir: workDir, Shares: shares, Nesting: nesting}, Program: program,
		})
		if err != nil {
			return nil, err // a nil *Booted must not become a Machine
		}
		return m, nil
	}
}

// virtualMachine boots disks under QEMU.
func virtualMachine(program string) func(context.Context, string, string, []sandbox.Share) (sandbox.Machine, error) {
	return func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		return startVM(ctx, program, qemu.BootConfig{Disk: disk, WorkDir: workDir}, shares)
	}
}

// watchedMachine is virtualMachine, watched.
func watchedMachine(program string) func(context.Context, *bootmap.Watch, string, string, []sandbox.Share) (sandbox.Machine, error) {
	return func(ctx context.Context, watch *bootmap.Watch, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		return startVM(ctx, program, qemu.BootConfig{Disk: disk, WorkDir: workDir, Blocks: watch.Blocks, Console: watch.Console()}, shares)
	}
}

func startVM(ctx context.Context, program string, config qemu.BootConfig, shares []sandbox.Share) (sandbox.Machine, error) {
	m, err := qemu.Start(ctx, qemu.Config{BootConfig: config, Shares: shares, Program: program})
	if err != nil {
		return nil, err // a nil *Machine must not become a Machine
	}
	return m, nil
}

// testIn returns the machine to test in, and the one that takes images which the first cannot take: if none is named, a
// virtual machine where QEMU is installed, and a container otherwise.
func testIn(named image.TestIn, arch image.Arch) (in, otherwise image.TestIn) {
	if named != "" {
		return named, ""
	}
	if qemu.Preflight(arch) == nil {
		return image.TestVM, image.TestContainer
	}
	return image.TestContainer, ""
}

// checkTestIn reports what this machine lacks for a test.
func checkTestIn(ctx context.Context, in image.TestIn, arch image.Arch) error {
	switch in {
	case image.TestVM:
		return qemu.Preflight(arch)
	case image.TestContainer:
		return nspawn.Preflight(ctx)
	case image.TestNone:
		return nil
	}
	return fault.New(fault.BadInput, fmt.Errorf("test image: %q is not a machine to test in", in), "write vm, container or none")
}
