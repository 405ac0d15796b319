// Package cli is the command line: one file per command, flags, printers and exit codes.
//
// Results alone go to stdout (one JSON object with --json), everything else to stderr. It decides nothing about
// disks, documents or images: a command turns flags into values, calls the package of its verb and prints what
// came back.
package cli

import (
	"io"
	"time"

	"image-builder/internal/terminal"
)

// Env is what commands share: where to print, and where the data directory is.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// DataDir holds the image store: $XDG_DATA_HOME/image-builder unless --data-dir says otherwise.
	DataDir string
	// JSON asks for one JSON object on stdout.
	JSON bool
	// Terminal reports whether stderr is a terminal: live output there, plain lines otherwise.
	Terminal bool
	Now      func() time.Time
}

// watcher returns the display of progress that --json and stderr ask for.
func (e *Env) watcher() terminal.Watcher {
	if e.JSON {
		return terminal.Silent{}
	}
	return terminal.New(e.Stderr, e.Terminal, e.Now)
}
