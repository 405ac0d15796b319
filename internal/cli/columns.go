package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/tabwriter"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"image-builder/internal/local"
)

// withStore opens the data directory for a command.
func (e *Env) withStore(ctx context.Context, use func(*local.Store) error) error {
	store, err := e.openStore(ctx)
	if err != nil {
		return err
	}
	return errors.Join(use(store), store.Close())
}

// openStore opens the data directory, and warns of disks that the database does not know.
func (e *Env) openStore(ctx context.Context) (*local.Store, error) {
	store, err := local.Open(ctx, e.DataDir, e.Now)
	if err != nil {
		return nil, err
	}

	unnamed, err := store.Unnamed(ctx)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if len(unnamed) > 0 {
		fmt.Fprintf(e.Stderr, "warning: the database does not know %s, such as %s; they are kept: image-builder image adopt takes them back\n",
			count(len(unnamed), "disk"), unnamed[0])
	}

	return store, nil
}

// object prints one JSON object, on one line.
func (e *Env) object(value any) error {
	if err := json.NewEncoder(e.Stdout).Encode(value); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// columns prints rows under a heading, aligned; a person's terminal gets a bold heading.
func (e *Env) columns(heading []string, rows [][]string) error {
	text := plainTable(heading, rows)
	if isTerminal(e.Stdout) {
		text = prettyTable(heading, rows, newPaint())
	}
	if _, err := fmt.Fprint(e.Stdout, text); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

func plainTable(heading []string, rows [][]string) string {
	var text strings.Builder
	lines := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		fmt.Fprintln(lines, strings.Join(row, "\t"))
	}
	_ = lines.Flush() // a strings.Builder takes everything
	return text.String()
}

func prettyTable(heading []string, rows [][]string, paint paint) string {
	text := table.New().Headers(heading...).Rows(rows...).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).BorderHeader(false).
		StyleFunc(func(row, _ int) lipgloss.Style {
			return lipgloss.NewStyle().PaddingRight(2).Bold(paint.on && row == table.HeaderRow)
		}).String()
	return blankEnds.ReplaceAllString(text, "") + "\n"
}

// blankEnds are what fills short lines up; in a narrow window it would make each of them two.
var blankEnds = regexp.MustCompile(`(?m) +$`)
