package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// state is what a user sees of the store.
type state struct {
	images  []string // IDs, oldest first
	disks   []string
	current string // the parameter's value, "" before the first image
	events  int
}

// look reads the store with commands that must work. The first of them clears what a killed one left.
func (l lab) look(ctx context.Context) (state, error) {
	var listed struct {
		Images []struct{ ID, Disk string }
	}
	var heard struct{ Events []json.RawMessage }
	if err := l.read(ctx, &listed, "image", "list"); err != nil {
		return state{}, err
	}
	if err := l.read(ctx, &heard, "events"); err != nil {
		return state{}, err
	}

	seen := state{events: len(heard.Events)}
	for _, image := range listed.Images {
		seen.images = append(seen.images, image.ID)
		seen.disks = append(seen.disks, image.Disk)
	}

	current, err := l.run(ctx, "parameter", "get", parameter)
	if err == nil && current.code == 0 {
		seen.current = strings.TrimSpace(current.stdout)
	}

	return seen, err
}

func (l lab) read(ctx context.Context, into any, args ...string) error {
	out, err := l.must(ctx, append([]string{"--json"}, args...)...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// faults looks at everything that a kill might have broken, one line for each promise that does not hold: the next
// command works, images, parameter and events agree and are whole, and nothing else is left on the disk or running.
func (l lab) faults(ctx context.Context, before state) (after state, wrongs []string) {
	if left := l.processes(); left != "" {
		wrongs = append(wrongs, "10 s after the kill there still runs "+left)
	}

	after, err := l.look(ctx)
	if ctx.Err() != nil {
		return after, nil
	}
	if err != nil {
		return after, append(wrongs, "the next command failed: "+err.Error())
	}

	wrongs = append(wrongs, after.disagreements(before)...)
	for i, disk := range after.disks[min(len(before.disks), len(after.disks)):] {
		if out, err := exec.CommandContext(ctx, "debugfs", "-R", "cat /baked", disk).Output(); err != nil || string(out) != "whole\n" {
			wrongs = append(wrongs, fmt.Sprintf("image %d is not whole: %q, %v", i, out, err))
		}
	}

	return after, append(wrongs, l.remains(len(after.images))...)
}

// disagreements compares the store with itself and with what it was.
func (after state) disagreements(before state) []string {
	var wrongs []string
	newest := ""

	if len(after.images) > 0 {
		newest = after.images[len(after.images)-1]
	}

	if after.current != newest {
		wrongs = append(wrongs, fmt.Sprintf("the newest image is %q, the parameter says %q", newest, after.current))
	}

	if after.events != len(after.images) {
		wrongs = append(wrongs, fmt.Sprintf("%d events of %d images", after.events, len(after.images)))
	}

	if grown := len(after.images) - len(before.images); grown < 0 || grown > 1 {
		wrongs = append(wrongs, fmt.Sprintf("%d images became %d", len(before.images), len(after.images)))
	}

	if len(after.images) == len(before.images) && after.current != before.current {
		wrongs = append(wrongs, fmt.Sprintf("the current image was %q and is %q", before.current, after.current))
	}

	return wrongs
}

// remains lists the runs, images, bases, mounts and loop devices that are left in spite of the next command.
func (l lab) remains(images int) []string {
	var wrongs []string
	for part, want := range map[string]int{"runs": 0, "images": images} {
		entries, err := os.ReadDir(filepath.Join(l.data, part))
		if err != nil || len(entries) != want {
			wrongs = append(wrongs, fmt.Sprintf("%s/ has %d entries, want %d (%v)", part, len(entries), want, err))
		}
	}

	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), l.dir+"/") {
		wrongs = append(wrongs, fmt.Sprintf("something is still mounted below %s (%v)", l.dir, err))
	}

	devices, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, name := range devices {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), l.dir) {
			wrongs = append(wrongs, "still attached: "+strings.TrimSpace(string(text)))
		}
	}

	return wrongs
}

// processes returns the command line of a process that still works for this lab, waiting up to 10 s for it to go:
// the kernel ends a container's processes after the program, not with it.
func (l lab) processes() string {
	left := ""
	for range 100 {
		left = l.process()
		if left == "" {
			return ""
		}
		time.Sleep(100 * time.Millisecond)
	}
	return left
}

func (l lab) process() string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if file == fmt.Sprintf("/proc/%d/cmdline", os.Getpid()) {
			continue
		}
		text, err := os.ReadFile(file)
		if err == nil && (strings.Contains(string(text), l.dir+"/") || strings.Contains(string(text), l.marker())) {
			return strings.ReplaceAll(strings.TrimRight(string(text), "\x00"), "\x00", " ")
		}
	}

	return ""
}
