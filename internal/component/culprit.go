package component

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/finding"
)

// culprit is the mistake itself, where the parser only noticed its consequences.
type culprit struct {
	line, column   int
	message, right string
}

// culpritOf finds the mistake that led to a syntax error further down, if it is a common one.
func culpritOf(lines []string, load *yaml.LoadError, at finding.Position) (culprit, bool) {
	if load == nil {
		return culprit{}, false
	}
	if c, ok := oddSpace(lines, at.Line); ok {
		return c, true
	}

	switch {
	case strings.Contains(load.Message, "mapping values are not allowed"):
		return lostColon(lines, at.Line)
	case strings.Contains(load.Message, "did not find expected key"):
		return lostDash(lines, at.Line)
	case strings.Contains(load.Message, "did not find expected ',' or"):
		return lostComma(lines, load)
	}

	return culprit{}, false
}

// oddSpace finds a no-break space, as copied from web pages, in the indentation of the line or of the one before.
func oddSpace(lines []string, failed int) (culprit, bool) {
	for n := max(1, failed-1); n <= min(failed, len(lines)); n++ {
		text := lines[n-1]
		indent := text[:len(text)-len(strings.TrimLeft(text, " \u00a0\u2007\u202f\u3000"))]
		if before, _, found := strings.Cut(strings.Map(plainSpace, indent), "x"); found {
			return culprit{n, len(before) + 1, "the indentation holds a no-break space", "indent with plain spaces: type the indentation of this line again"}, true
		}
	}
	return culprit{}, false
}

func plainSpace(r rune) rune {
	if r == ' ' {
		return r
	}
	return 'x'
}

var (
	// bareWord matches a line that would be a key if it had its colon.
	bareWord = regexp.MustCompile(`^\s*(?:-\s+)*[A-Za-z][\w-]*\s*(?:#.*)?$|^(?:<<<<<<<|=======|>>>>>>>)`)
	// keyWithoutColon matches a line that starts with a key of the language, but has no colon after it. It excludes
	// words of shell scripts: if, for, and those that end a block.
	keyWithoutColon = regexp.MustCompile(`^\s*(?:-\s+)*(?:(?:phases|steps|inputs|commands|parameters|constants|loop|if|for|forEach)|` +
		`(?:name|action|onFailure|timeoutSeconds|maxAttempts|schemaVersion|description|type|default|value|source|destination|path)\s+[^\s:=][^:=]*)$`)
	shellWord = regexp.MustCompile(`^\s*(?:fi|done|esac|else|then|do|exit|return|true|false|wait|[A-Z]+)\s*$`)
)

// lostColon finds a key without its colon: YAML takes it for the first line of a text and fails at the next key.
func lostColon(lines []string, failed int) (culprit, bool) {
	next := true
	for n := min(failed, len(lines)) - 1; n > 0 && n > failed-200; n-- {
		text := lines[n-1]
		content := strings.TrimSpace(text)
		if content == "" || content[0] == '#' {
			continue
		}

		if keyWithoutColon.MatchString(text) || (next && bareWord.MatchString(text) && !shellWord.MatchString(text)) {
			message := "this line has no colon"
			right := "write a colon after the key"
			if strings.Contains("<=>", content[:1]) {
				message = "this is a conflict marker of git"
				right = "resolve the conflict"
			}
			return culprit{n, utf8.RuneCountInString(text[:strings.Index(text, content)]) + 1, message, right}, true
		}

		if keyLine.MatchString(text) {
			break
		}
		next = false
	}

	return culprit{}, false
}

// lostDash finds the first entry of a list if it has no dash although the entry on the failed line has one.
func lostDash(lines []string, failed int) (culprit, bool) {
	dash := strings.Index(lines[failed-1], "- ")
	if dash < 0 || strings.TrimSpace(lines[failed-1][:dash]) != "" {
		return culprit{}, false
	}
	first := 0
	for n := failed - 1; n > 0; n-- {
		content := strings.TrimSpace(lines[n-1])
		if content == "" || content[0] == '#' {
			continue
		}
		if indent := strings.Index(lines[n-1], content); (indent <= dash && strings.HasSuffix(content, ":") && content[0] != '-') || indent < dash {
			break
		}
		first = n
	}

	if first == 0 || strings.HasPrefix(strings.TrimSpace(lines[first-1]), "-") {
		return culprit{}, false
	}
	column := utf8.RuneCountInString(lines[first-1]) - utf8.RuneCountInString(strings.TrimLeft(lines[first-1], " ")) + 1
	return culprit{first, column, fmt.Sprintf("this line is not a list entry, but line %d is", failed), "put - before it, or indent the list further"}, true
}

// lostComma finds the line that lacks its comma in a map or list in brackets, if the brackets are closed further on.
func lostComma(lines []string, load *yaml.LoadError) (culprit, bool) {
	open := load.ContextMark
	failed := load.Mark
	if open.Line < 1 || failed.Line <= open.Line || failed.Line > len(lines) || !balanced(lines, open.Line, open.Column) {
		return culprit{}, false
	}

	for n := failed.Line - 1; n >= open.Line; n-- {
		if text := strings.TrimRight(lines[n-1], " \t\r"); strings.TrimSpace(text) != "" {
			return culprit{n, max(1, utf8.RuneCountInString(text)), "there is no comma between this and the next line", "end this line with a comma"}, true
		}
	}

	return culprit{}, false
}

// balanced reports whether the bracket at a place is closed; it ignores quoted text.
func balanced(lines []string, line, column int) bool {
	var open []byte
	quote := byte(0)

	text := strings.Join(lines[line-1:], "\n")
	for i := byteColumn(text, column); i < len(text); i++ {
		c := text[i]
		switch {
		case quote == '"' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}

		case c == '"' || c == '\'':
			quote = c
		case c == '[' || c == '{':
			open = append(open, c+2) // the bracket that closes
		case c == ']' || c == '}':
			if len(open) == 0 || open[len(open)-1] != c {
				return false
			}
			open = open[:len(open)-1]
			if len(open) == 0 {
				return true
			}
		}
	}

	return false
}
