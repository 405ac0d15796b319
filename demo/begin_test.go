package main

import (
	"os"
	"os/exec"
	"os/user"
	"strings"
	"testing"
)

// The program is compiled by the user who called sudo: in root's hands, files in a build cache would be in the user's way.
func TestACommandRunsAsTheCaller(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it becomes another user")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}

	for id, want := range map[string]string{"": "0 /kept", nobody.Uid: nobody.Uid + " " + nobody.HomeDir} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `echo "$(id -u) $HOME"`)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/kept"}
		if err := as(cmd, id); err != nil {
			t.Fatal(err)
		}
		cmd.Dir = "/"
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("as user %q: %q, %v, want %q", id, got, err, want)
		}
	}
}

func TestOnlyWantedLinesAreShown(t *testing.T) {
	t.Parallel()
	var shown strings.Builder
	l := &lines{out: &shown, without: "go: downloading "}
	for _, piece := range []string{"go: down", "loading a v1\n# pkg\nx.go:1: un", "defined\ngo: downloading b v2\n", "go: error\n"} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("wrote %d of %d bytes: %v", n, len(piece), err)
		}
	}
	if want := "# pkg\nx.go:1: undefined\ngo: error\n"; shown.String() != want {
		t.Errorf("showed %q, want %q", shown.String(), want)
	}
}
