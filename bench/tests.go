package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"image-builder/internal/image"
)

//go:embed job/small.sh
var smallScript string

// quickDocument has one step in its test phase.
const quickDocument = `schemaVersion: 1.0
phases:
  - name: test
    steps:
      - name: Look
        action: ExecuteBash
        inputs: {commands: ["test -e /etc/os-release"]}
`

// tests compares the test of an image in a virtual machine with a bare boot of its disk.
func (j *jobs) tests(ctx context.Context) error {
	id, err := j.bakeTested(ctx, "--name", "agent")
	if err != nil {
		return err
	}
	bare, err := j.bareBoot(ctx, id)
	if err != nil {
		return err
	}

	contestants := []contestant{
		bare,
		j.tested("image test --test vm, until it takes commands", id, "vm", func(p image.Proof, _ sample) time.Duration { return time.Duration(p.Boot) }),
	}
	samples, err := interleave(ctx, j.peerRounds, contestants)
	if err != nil {
		return err
	}

	table := rows("test in a virtual machine", contestants, samples)
	table[1].aim("≤ 1.15×", table[1].Ratio <= 1.15)
	j.report.add(table...)

	return nil
}

// containers tells what a test in a container takes beside its steps, of an agent's image and of a small one.
func (j *jobs) containers(ctx context.Context) error {
	script, err := write(filepath.Join(j.work, "small.sh"), smallScript, 0o755)
	if err != nil {
		return err
	}
	agent, err := j.bakeTested(ctx, "--name", "agent")
	if err != nil {
		return err
	}
	small, err := j.bakeTested(ctx, "--name", "small", script)
	if err != nil {
		return err
	}

	contestants := []contestant{
		j.tested("image test --test container", agent, "container", besideSteps),
		j.tested("the same of a small image", small, "container", besideSteps),
	}
	samples, err := interleave(ctx, j.rounds, contestants)
	if err != nil {
		return err
	}

	table := rows("test in a container, beside its steps", contestants, samples)
	table[1].Against = "" // it is another image
	table[1].Ratio = 0
	table[1].aim("< 1 s", table[1].Median < 1)
	j.report.add(table...)
	j.report.note("small image: the same without kernel, SSH server, network services, cloud-init, Python, Git and documentation")

	return nil
}

// bakeTested bakes an image that is to be tested.
func (j *jobs) bakeTested(ctx context.Context, args ...string) (id string, err error) {
	base, err := j.findBase(ctx)
	if err != nil {
		return "", err
	}
	document, err := write(filepath.Join(j.work, "quick.yml"), quickDocument, 0o644)
	if err != nil {
		return "", err
	}

	bake := j.proving("bake", "--base", base, "--components", document, "--test", "none")
	_, id, err = timed(command(ctx, append(bake, args...)...))

	return id, err
}

// proving is a command on the images that are tested.
func (j *jobs) proving(args ...string) []string {
	return append([]string{j.program, "--data-dir", filepath.Join(j.work, "tests")}, args...)
}

// besideSteps is the time from the command's start to its end without that of the test's steps.
func besideSteps(p image.Proof, whole sample) time.Duration {
	left := whole.wall
	for _, step := range p.Steps {
		left -= time.Duration(step.Elapsed)
	}
	return left
}

// tested is a test of an image; what of its time counts is chosen.
func (j *jobs) tested(name, id, machine string, counts func(image.Proof, sample) time.Duration) contestant {
	return contestant{name: name, run: func(ctx context.Context) (s sample, err error) {
		whole, said, err := timed(command(ctx, j.proving("--json", "image", "test", id, "--test", machine)...))
		if err != nil {
			return sample{}, err
		}
		var proof image.Proof
		if err := json.Unmarshal([]byte(said), &proof); err != nil || len(proof.Steps) == 0 {
			return sample{}, fmt.Errorf("read test: %w: %s", err, said)
		}
		return sample{wall: counts(proof, whole)}, nil
	}}
}

// bareBoot is QEMU on the image's disk as a person would start it, from power-on to the login prompt. Its accelerator
// is that of a boot by the program, which tries out whether KVM works.
func (j *jobs) bareBoot(ctx context.Context, id string) (contestant, error) {
	disk := filepath.Join(j.work, "tests", "images", id, "disk.raw")
	_, said, err := timed(command(ctx, j.proving("--json", "image", "boot", id)...))
	if err != nil {
		return contestant{}, err
	}
	var boot struct{ Accelerator, Firmware string }
	if err := json.Unmarshal([]byte(said), &boot); err != nil {
		return contestant{}, fmt.Errorf("read boot: %w", err)
	}

	args := []string{
		"qemu-system-x86_64", "-machine", "q35", "-accel", boot.Accelerator, "-cpu", "max", "-smp", "2", "-m", "2048",
		"-drive", "if=virtio,format=raw,snapshot=on,file=" + disk, "-nic", "user,model=virtio-net-pci",
		"-display", "none", "-serial", "stdio", "-no-reboot",
	}
	if boot.Firmware == string(image.UEFI) {
		args = append(args, "-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd")
	}
	j.report.note("bare boot: %s", strings.Join(args, " "))

	return contestant{name: "bare QEMU boot to the login prompt", run: func(ctx context.Context) (sample, error) {
		return untilLogin(ctx, args)
	}}, nil
}

// untilLogin runs QEMU until the guest asks for a login.
func untilLogin(ctx context.Context, args []string) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	cmd := command(ctx, args...)
	cmd.Stderr = os.Stderr
	console, err := cmd.StdoutPipe()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}

	words := bufio.NewScanner(console)
	words.Split(bufio.ScanWords)
	for words.Scan() {
		if words.Text() == "login:" {
			s := sample{wall: time.Since(start)}
			cancel()
			_ = cmd.Wait() // it was ended on purpose
			return s, nil
		}
	}

	return sample{}, fmt.Errorf("boot without image-builder: no login prompt: %w", errors.Join(words.Err(), cmd.Wait()))
}
