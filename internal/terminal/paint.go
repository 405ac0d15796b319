package terminal

import (
	"io"
	"os"

	"charm.land/lipgloss/v2"
)

// Paint colours text with the terminal's own sixteen colours. The zero value leaves text as it is.
type Paint struct{ on bool }

// PaintFor returns the paint for text on w: colours on a terminal, unless NO_COLOR forbids them.
func PaintFor(w io.Writer) Paint { return Paint{on: Is(w) && coloured()} }

// coloured reports whether the environment allows colours: https://no-color.org.
func coloured() bool { return os.Getenv("NO_COLOR") == "" }

// Green is for what succeeded.
func (p Paint) Green(text string) string {
	return p.with(lipgloss.NewStyle().Foreground(lipgloss.Green), text)
}

// Red is for what failed.
func (p Paint) Red(text string) string {
	return p.with(lipgloss.NewStyle().Foreground(lipgloss.Red), text)
}

// Bold is for headings.
func (p Paint) Bold(text string) string { return p.with(lipgloss.NewStyle().Bold(true), text) }

// Faint is for text that matters less than its surroundings.
func (p Paint) Faint(text string) string { return p.with(lipgloss.NewStyle().Faint(true), text) }

func (p Paint) with(style lipgloss.Style, text string) string {
	if !p.on {
		return text
	}
	return style.Inline(true).Render(text)
}
