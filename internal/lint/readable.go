package lint

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// validUTF8 puts a question mark in place of every byte that is not UTF-8, so that all offsets stay.
func validUTF8(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	out := []byte(text)

	i := 0
	for i < len(out) {
		r, size := utf8.DecodeRune(out[i:])
		if r == utf8.RuneError && size == 1 {
			out[i] = '?'
		}
		i += size
	}

	return string(out)
}

var (
	associative = regexp.MustCompile(`(?m)\b(?:declare|typeset|local|readonly)[ \t]+(?:-[a-zA-Z]+[ \t]+)*-[a-zA-Z]*A[a-zA-Z]*((?:[ \t]+[A-Za-z_][A-Za-z0-9_]*)+)`)
	listIndex   = regexp.MustCompile(`[(\s]\[([^][\n"'$]+)\]=`)
)

// plainIndexes writes the indexes of associative arrays so that the parser, which takes any index for arithmetic, reads
// them. All offsets stay.
func plainIndexes(text string) string {
	out := []byte(text)
	plain := func(index *regexp.Regexp) {
		for _, at := range index.FindAllStringSubmatchIndex(text, -1) {
			copy(out[at[2]:at[3]], strings.Repeat("x", at[3]-at[2]))
		}
	}

	found := associative.FindAllStringSubmatch(text, -1)
	for _, declared := range found {
		for _, name := range strings.Fields(declared[1]) {
			plain(regexp.MustCompile(`\b` + name + `\[([^][\n"'$]+)\]`))
		}
	}

	if len(found) > 0 {
		plain(listIndex)
	}

	return string(out)
}
