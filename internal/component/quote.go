package component

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	quotedValue = regexp.MustCompile(`^\s*(?:-\s+)*(?:[\w-]+:\s+)?(?:-\s+)*(["'])`)
	keyLine     = regexp.MustCompile(`^\s*(?:-\s+)?[A-Za-z][\w-]*:(?:\s|$)`)
)

// unclosedQuote finds a forgotten quote when a syntax error shows up on a later line: a value that opens a quote and
// swallows lines with keys up to the next quote.
func unclosedQuote(lines []string, failed int) (line, column int, found bool) {
	for i := min(failed, len(lines)) - 2; i >= 0 && i > failed-200; i-- {
		open := quotedValue.FindStringSubmatchIndex(lines[i])
		if open == nil || closes(lines[i][open[3]:], lines[i][open[2]]) {
			continue
		}
		if swallows(lines[i+1:min(failed, len(lines))], lines[i][open[2]]) {
			return i + 1, utf8.RuneCountInString(lines[i][:open[2]]) + 1, true
		}
	}
	return 0, 0, false
}

// swallows reports whether a key stands between here and the quote that closes.
func swallows(lines []string, quote byte) bool {
	keys := false
	for _, line := range lines {
		keys = keys || keyLine.MatchString(line)
		if closes(line, quote) {
			return keys
		}
	}
	return false
}

// closes reports whether text ends a quoted scalar.
func closes(text string, quote byte) bool {
	if quote == '"' {
		text = strings.NewReplacer(`\\`, "", `\"`, "").Replace(text)
	} else {
		text = strings.ReplaceAll(text, "''", "")
	}
	return strings.IndexByte(text, quote) >= 0
}
