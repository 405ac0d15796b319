package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"image-builder/internal/fault"
	"image-builder/internal/finding"
	"image-builder/internal/terminal"
)

// result prints a command's result: with --json value as one JSON object, else line on stdout and, for people,
// whatever explain prints; explain may be nil.
func (e *Env) result(value any, line string, explain func()) error {
	if e.JSON {
		return e.object(value)
	}
	if _, err := fmt.Fprintln(e.Stdout, line); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	if explain != nil {
		explain()
	}
	return nil
}

// showFindings prints the findings of a file, with their lines; errors among them end the command.
func (e *Env) showFindings(found finding.List) error {
	source := func(file string) []byte {
		text, _ := os.ReadFile(file) // without it only the excerpt is missing
		return text
	}
	if err := finding.WriteText(e.Stderr, found, source); err != nil {
		return err
	}
	if found.Errors() > 0 {
		return &saidError{class: fault.BadInput, found: found}
	}

	return nil
}

// object prints one JSON object, on one line.
func (e *Env) object(value any) error {
	if err := json.NewEncoder(e.Stdout).Encode(value); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// columns prints rows under a heading, aligned.
func (e *Env) columns(heading []string, rows [][]string) error {
	if err := terminal.WriteTable(e.Stdout, heading, rows); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}
