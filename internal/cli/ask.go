package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"image-builder/internal/fault"

	"golang.org/x/term"
)

// errDeclined is the error for the answer no.
var errDeclined = errors.New("cancelled")

// agree asks a yes-or-no question. The error is nil for yes, and otherwise says why there is no yes.
func (e *Env) agree(ctx context.Context, question string) error {
	file, ok := e.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return fault.New(fault.BadInput, errors.New("there is no terminal to ask on"), "give --yes to do it without asking")
	}
	fmt.Fprintf(e.Stderr, "%s [y/N] ", question)
	// Only an answer can end the reading, so an interruption abandons it.
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(file).ReadString('\n') // an empty answer means no
		answer <- line
	}()

	select {
	case <-ctx.Done():
		fmt.Fprintln(e.Stderr)
		return ctx.Err()
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
		return fault.New(fault.Interrupted, errDeclined, "")
	}
}
