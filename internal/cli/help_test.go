package cli

import (
	"io"
	"strings"
	"testing"
)

// The help of every command shows how to type it.
func TestEveryHelpHasAnExample(t *testing.T) {
	t.Parallel()
	parser, err := newParser(&Commands{}, io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Leaves(true) {
		if !strings.Contains(command.Detail, "Example") || !strings.Contains(command.Detail, "image-builder "+command.FullPath()[len("image-builder "):]) {
			t.Errorf("%s --help shows no example", command.FullPath())
		}
	}
}
