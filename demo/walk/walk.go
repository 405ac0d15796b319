// Package walk types what a user would type and shows what the user would see: the demos share it.
//
// It runs the program itself and nothing else, prints headings, and keeps nothing. It decides nothing about what is shown:
// that is the task of each demo.
package walk

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The places that the demos share, below the directory of the sources.
const (
	Program = "build/image-builder"
	Data    = "build/demo-data" // keeps the Debian base, so that a second demo is quicker
)

// Debian is the base that the demos start from.
const Debian = "debian:bookworm"

// Parameter is the output parameter of the demos' recipes.
const Parameter = "/buildkite/agent-ami"

// Walk is one walk through the product.
type Walk struct {
	Data string   // the program's data directory
	Work string   // directory of the walk's own files; commands are shown without it
	Env  []string // besides this process's own: NAME=value
}

// File returns the path of one of the walk's own files.
func (w Walk) File(name string) string { return filepath.Join(w.Work, name) }

// Show runs the program in front of the user.
func (w Walk) Show(ctx context.Context, args ...string) error {
	fmt.Printf("\n$ image-builder %s\n", strings.ReplaceAll(strings.Join(args, " "), w.Work+"/", ""))
	return w.run(ctx, os.Stdout, args)
}

// Output runs the program and returns what it wrote to standard output, without white space at its ends.
func (w Walk) Output(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := w.run(ctx, &out, args)
	return strings.TrimSpace(out.String()), err
}

// HasDebian reports whether the data directory has the Debian base.
func (w Walk) HasDebian(ctx context.Context) bool {
	known, err := w.Output(ctx, "base", "list")
	return err == nil && strings.Contains(known, Debian)
}

// run waits for the program; when ctx ends, the program is asked to clean up before it is killed.
func (w Walk) run(ctx context.Context, stdout io.Writer, args []string) error {
	cmd := exec.CommandContext(ctx, Program, append([]string{"--data-dir", w.Data}, args...)...)
	cmd.Env = append(os.Environ(), w.Env...)
	cmd.Stdout = stdout
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Minute
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("image-builder %s: %w", args[0], err)
	}
	return nil
}

// Heading prints what comes next.
func Heading(text string) { fmt.Printf("\n=== %s\n", text) }
