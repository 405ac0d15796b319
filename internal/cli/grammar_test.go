package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// A command that is read by itself answers as it does among all others.
func TestACommandReadByItselfAnswersTheSame(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"component --help", "component run --help", "component validate --help", "component", "component nope",
		"component run --nope", "component run --bucket", "bake --help", "--json bake --help", "bake --nope", "bake a b",
		"image --help", "image test --help", "image", "image nope", "image test --nope", "image test", "--json image show --help", "image boot a b",
		"guest --help", "guest", "guest serve --help", "guest nope",
	} {
		args := strings.Fields(line)
		if _, all := grammarOf(args).(*Commands); all {
			t.Errorf("%s: all commands are read", line)
		}
		alone := answer(t, grammarOf(args), args)
		among := answer(t, &Commands{}, args)
		if alone != among {
			t.Errorf("%s: by itself it says\n%s\namong all commands\n%s", line, alone, among)
		}
	}
}

// answer is what a command line says, and the error that it makes of args.
func answer(t *testing.T, commands grammar, args []string) string {
	t.Helper()
	var said bytes.Buffer
	stopped := false
	parser, err := newParser(commands, &said, &said, func(int) { stopped = true })
	if err != nil {
		t.Fatal(err)
	}

	_, err = parser.Parse(slices.Clone(args))
	if err != nil && !stopped {
		said.WriteString(usageError(err).Error())
	}
	return said.String()
}
