package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/finding"
)

// ignore is a `# lint:ignore CODE… reason` comment. It covers the warnings of its own line, of the next line that is
// not a comment, of the whole step that starts on one of the two, and of the whole file if only comments precede it.
type ignore struct {
	at       finding.Position
	codes    []finding.Code
	from, to int // the lines it covers
	used     bool
}

var (
	ignoreComment = regexp.MustCompile(`#\s*lint:ignore\b([^\n]*)`)
	codeWord      = regexp.MustCompile(`^IB[0-9]{3}$`)
)

// silence removes the warnings that a comment names, and adds a warning for each comment that matches none.
func silence(file, text string, steps []int, found finding.List) finding.List {
	if !strings.Contains(text, "lint:ignore") {
		return found
	}
	ignores := findIgnores(file, strings.Split(text, "\n"), steps)
	kept := slices.DeleteFunc(slices.Clone(found), func(f finding.Finding) bool {
		hit := false
		for _, i := range ignores {
			if f.Severity == finding.Warning && f.Line >= i.from && f.Line <= i.to && slices.Contains(i.codes, f.Code) {
				i.used = true
				hit = true
			}
		}
		return hit
	})
	for _, i := range ignores {
		if i.used {
			continue
		}
		message := "this comment has no effect"
		if len(i.codes) == 0 {
			message = "this comment names no code"
		}
		kept = append(kept, warning(finding.IdleIgnore, i.at, message, "remove it, or write `# lint:ignore IB401 reason` on the line, the line before, the step or at the top; errors cannot be silenced"))
	}

	return kept
}

func findIgnores(file string, lines []string, steps []int) []*ignore {
	var found []*ignore
	top := true
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		comment := strings.HasPrefix(trimmed, "#")
		top = top && (comment || trimmed == "" || trimmed == "---")

		place := ignoreComment.FindStringSubmatchIndex(line)
		if place == nil {
			continue
		}
		one := &ignore{
			at:    finding.Position{File: file, Line: i + 1, Column: len([]rune(line[:place[0]])) + 1},
			codes: codesOf(line[place[2]:place[3]]), from: i + 1, to: i + 1,
		}

		if comment {
			one.to = nextLine(lines, i+1)
		}

		one.cover(steps, len(lines))
		if top {
			one.to = len(lines)
		}

		found = append(found, one)
	}

	return found
}

// cover extends an ignore that touches the first line of a step to the whole step.
func (i *ignore) cover(steps []int, end int) {
	for n, start := range steps {
		if start < i.from || start > i.to {
			continue
		}
		i.to = end
		if n+1 < len(steps) {
			i.to = steps[n+1] - 1
		}
		return
	}
}

// nextLine returns the number of the next line that is neither blank nor a comment.
func nextLine(lines []string, from int) int {
	for i := from; i < len(lines); i++ {
		if trimmed := strings.TrimSpace(lines[i]); trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			return i + 1
		}
	}
	return len(lines)
}

func codesOf(text string) []finding.Code {
	var codes []finding.Code
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == ':' }) {
		if !codeWord.MatchString(word) {
			break
		}
		codes = append(codes, finding.Code(word))
	}
	return codes
}

// stepLines returns the lines on which steps begin.
func stepLines(doc *component.Document) []int {
	var lines []int
	doc.Steps(func(_ *component.Phase, step *component.Step) {
		line := step.At.Line
		if step.Name.At.Line > 0 {
			line = min(line, step.Name.At.Line)
		}
		lines = append(lines, line)
	})
	return lines
}

func sorted(list finding.List) finding.List {
	slices.SortStableFunc(list, func(a, b finding.Finding) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Column != b.Column {
			return a.Column - b.Column
		}
		return strings.Compare(fmt.Sprint(a.Code), fmt.Sprint(b.Code))
	})
	return list
}
