package main

import (
	"os/exec"
	"strings"
	"testing"
)

// A bake starts the program again for a mount namespace of its own. It does so before the packages' tables are made, so
// they are made once.
func TestABakeStartsTheProgramInFullOnce(t *testing.T) {
	t.Parallel()
	bake := exec.CommandContext(t.Context(), "/proc/self/exe")
	bake.Args = []string{"image-builder", "--data-dir", t.TempDir(), "bake", "missing.sh"}
	bake.Env = []string{"GODEBUG=inittrace=1"}
	said, err := bake.CombinedOutput()

	text := string(said)
	starts := strings.Count(text, "init runtime @")
	tables := strings.Count(text, "init image-builder/internal/cli @")
	if err == nil || !strings.Contains(text, "missing.sh") {
		t.Fatalf("a bake of a missing script: %v\n%s", err, text)
	}
	if starts != 2 || tables != 1 {
		t.Errorf("the program started %d times and made its tables %d times, want 2 and 1", starts, tables)
	}
}
