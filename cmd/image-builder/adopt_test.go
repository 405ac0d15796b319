package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// After the loss of store.db, adopt takes back what a real pull and a real bake left, and the next bake works.
func TestAdoptAfterALostDatabase(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	id := b.run("bake", b.script("echo whole >/baked"), "--base", "debian:bookworm", "--output", "/agent")
	before := b.show(id)

	databases, err := filepath.Glob(filepath.Join(b.dir, "store.db*"))
	if err != nil || len(databases) == 0 {
		t.Fatalf("databases %v, %v", databases, err)
	}
	for _, file := range databases {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}

	if list, code, text := b.try("image", "list"); code != 0 || strings.Contains(list, id) || !strings.Contains(text, "does not know 2 disks") {
		t.Errorf("exit status %d, %s, want a warning of 2 disks:\n%s", code, list, text)
	}
	var got struct{ Adopted []string }
	if err := json.Unmarshal([]byte(b.run("--json", "image", "adopt")), &got); err != nil || !slices.Equal(got.Adopted, []string{"debian:bookworm", id}) {
		t.Errorf("adopted %v, %v", got, err)
	}

	if after := b.show(id); after.BaseSHA256 != before.BaseSHA256 || after.Disk != before.Disk || !after.Created.Equal(before.Created) {
		t.Errorf("the image was\n%+v and is\n%+v", before, after)
	}
	b.run("bake", b.script("true"), "--base", "debian:bookworm", "--output", "/agent")
	b.checkHostClean()
}
