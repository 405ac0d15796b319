package main

import (
	"strings"
	"testing"
)

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
