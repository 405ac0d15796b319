package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// memory samples what a bake's processes occupy while it runs, those of its script left out.
func (j *jobs) memory(ctx context.Context) error {
	v := j.volumes[0]
	for _, job := range []string{"null", "mirror"} {
		say("memory of the %s bake", job)
		var peaks []float64
		for range j.rounds {
			peak, err := j.peakOfBake(ctx, v, job)
			if err != nil {
				return err
			}
			peaks = append(peaks, float64(peak)/(1<<20))
		}

		slices.Sort(peaks)
		r := row{Group: "memory of a bake", Name: job + ", outside the script's own", PeakMiB: median(peaks)}
		r.below(100)
		j.report.add(r)
	}

	j.report.note("memory: median over %d bakes of the peak of the summed proportional set sizes (PSS), sampled every 5 ms", j.rounds)
	return nil
}

func (j *jobs) peakOfBake(ctx context.Context, v *volume, job string) (peak int64, err error) {
	cmd := command(ctx, j.bakeArgs(v, job)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()

	for {
		select {
		case <-tick.C:
			peak = max(peak, ours(cmd.Process.Pid, children(), false))
		case err := <-ended:
			if err != nil {
				return 0, fmt.Errorf("bake: %w\n%s", err, tail(stderr.String()))
			}
			return peak, j.remove(ctx, v, strings.TrimSpace(stdout.String()))
		}
	}
}

// children maps each process to its children.
func children() map[int][]int {
	found := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(strings.Split(name, "/")[2])
		if fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])); len(fields) > 1 {
			parent, _ := strconv.Atoi(fields[1])
			found[parent] = append(found[parent], pid)
		}
	}

	return found
}

// ours sums the memory of a process and all below it in bytes. Below the `component run` that executes the documents
// inside the sandbox, what is not image-builder itself is the script's own.
func ours(pid int, children map[int][]int, inside bool) int64 {
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return 0
	}
	runner := bytes.Contains(arguments, []byte("component\x00run\x00"))
	if inside && !runner {
		return 0
	}

	sum := proportional(pid)
	for _, child := range children[pid] {
		sum += ours(child, children, runner && !wraps(arguments))
	}

	return sum
}

// wraps reports whether a command line belongs to the sandbox, which names the runner as the command to run.
func wraps(arguments []byte) bool {
	name, _, _ := bytes.Cut(arguments, []byte{0})
	return bytes.HasSuffix(name, []byte("systemd-nspawn"))
}

// proportional is the proportional set size of a process in bytes (proc_pid_smaps(5)).
func proportional(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	_, rest, _ := bytes.Cut(text, []byte("\nPss:"))
	var kib int64
	_, _ = fmt.Sscan(string(rest), &kib)
	return kib << 10
}
