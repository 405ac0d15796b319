package main

import (
	"strings"
	"testing"
)

// A bake that is to boot the disk says at once which package it lacks, before it fetches or makes anything.
func TestPrefetchNeedsQEMU(t *testing.T) {
	t.Parallel()
	b := emptyBuilder(t)
	b.env = []string{"PATH=" + t.TempDir()}
	const install = "apt-get install qemu-system-"
	if _, code, text := b.try("bake", "--base", "debian:bookworm", "--packages", "jq"); code != 3 || strings.Contains(text, install) {
		t.Errorf("exit status %d: %s", code, text)
	}
	if _, code, text := b.try("bake", "--base", "debian:bookworm", "--packages", "jq", "--prefetch"); code != 3 || !strings.Contains(text, install) {
		t.Errorf("exit status %d: %s", code, text)
	}
	if left := b.run("base", "list"); strings.Contains(left, "debian") {
		t.Errorf("made: %s", left)
	}
}
