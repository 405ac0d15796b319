package terminal

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
)

// WriteTable prints rows under a heading, aligned; a person's terminal gets a bold heading.
func WriteTable(w io.Writer, heading []string, rows [][]string) error {
	text := plainTable(heading, rows)
	if Is(w) {
		text = prettyTable(heading, rows, PaintFor(w))
	}
	_, err := fmt.Fprint(w, text)
	return err
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

func prettyTable(heading []string, rows [][]string, paint Paint) string {
	text := table.New().Headers(heading...).Rows(rows...).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).BorderHeader(false).
		StyleFunc(func(row, _ int) lipgloss.Style {
			return lipgloss.NewStyle().PaddingRight(2).Bold(paint.on && row == table.HeaderRow)
		}).String()
	return blankEnds.ReplaceAllString(text, "") + "\n"
}

// blankEnds matches the padding at the end of lines: in a narrow window it would wrap each of them.
var blankEnds = regexp.MustCompile(`(?m) +$`)
