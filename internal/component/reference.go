package component

import (
	"iter"
	"strconv"
	"strings"
)

// reference is what stands between {{ and }} in a text.
type reference struct {
	start, end int    // bytes of the text, braces included
	body       string // trimmed
}

// references yields the references in text from left to right: {{, no braces, }}. Any other braces are text.
func references(text string) iter.Seq[reference] {
	return func(yield func(reference) bool) {
		from := 0
		for {
			i := strings.Index(text[from:], "{{")
			if i < 0 {
				return
			}
			start := from + i
			j := strings.IndexAny(text[start+2:], "{}")
			if j < 0 {
				return
			}

			end := start + 2 + j
			if strings.HasPrefix(text[end:], "}}") {
				if !yield(reference{start, end + 2, strings.TrimSpace(text[start+2 : end])}) {
					return
				}
				from = end + 2
				continue
			}

			from = start + 1
			if text[end] == '}' {
				from = end
			}
		}
	}
}

// openings yields every {{ that is not closed by }}, with what could be the body of a reference after it.
func openings(text string) iter.Seq[reference] {
	return func(yield func(reference) bool) {
		from := 0
		for {
			i := strings.Index(text[from:], "{{")
			if i < 0 {
				return
			}
			start := from + i
			from = start + 2
			rest := strings.TrimLeft(text[from:], " ")
			body := rest[:len(rest)-len(strings.TrimLeftFunc(rest, inReference))]
			after := strings.TrimLeft(rest[len(body):], " ")
			if body == "" || strings.HasPrefix(after, "}}") {
				continue
			}

			if !yield(reference{start, len(text) - len(rest) + len(body), body}) {
				return
			}
		}
	}
}

func inReference(r rune) bool { return r == '.' || r == '[' || r == ']' || isWord(string(r)) }

// HasReference reports whether text contains a reference, so that its value is known only when the step runs.
func HasReference(text string) bool {
	for range references(text) {
		return true
	}
	return false
}

// meaning is the kind of thing that a reference names.
type meaning int

const (
	malformed      meaning = iota
	plainText              // left in the text
	variableName           // Name
	parameterOf            // aws:ssm:/name
	parameterNamed         // aws:ssm:resolve(x)
	loopPart               // loop.index, name.value
	chained                // phase.step.outputs.name
)

// parsed is a reference taken apart.
type parsed struct {
	meaning meaning
	// name is the variable, the SSM parameter or the loop.
	name string
	// inner is x of resolve(x).
	inner *parsed
	// prefix is phase.step, side is inputs or outputs, key is the rest; for a loop, key is index or value.
	prefix, side, key string
	index             int // -1: none
}

func parseReference(body string) parsed {
	if name, ok := strings.CutPrefix(body, "aws:ssm:"); ok {
		return parseParameter(name)
	}
	if body == "" {
		return parsed{meaning: plainText}
	}
	if isWord(body) {
		return parsed{meaning: variableName, name: body}
	}

	if p, ok := parseChained(body); ok {
		return p
	}

	if i := strings.LastIndexByte(body, '.'); i > 0 {
		if key := body[i+1:]; key == "index" || key == "value" || body[:i] == "loop" {
			return parsed{meaning: loopPart, name: body[:i], key: key}
		}
	}

	for _, prefix := range []string{"resolve:ssm:", "resolve:ssm-secure:", "resolve:secretsmanager:"} {
		if strings.HasPrefix(body, prefix) {
			return parsed{meaning: plainText, name: prefix}
		}
	}

	return parsed{meaning: malformed}
}

func parseParameter(name string) parsed {
	inner, isResolve := strings.CutPrefix(name, "resolve(")
	if !isResolve {
		if name == "" || strings.ContainsAny(name, " \t\n()") {
			return parsed{meaning: malformed}
		}
		return parsed{meaning: parameterOf, name: name}
	}

	inner, closed := strings.CutSuffix(inner, ")")
	of := parseReference(strings.TrimSpace(inner))
	if !closed || (of.meaning != variableName && of.meaning != parameterOf) {
		return parsed{meaning: malformed}
	}

	return parsed{meaning: parameterNamed, inner: &of}
}

// parseChained reads phase.step.outputs[0].name. Step names may contain dots, so the last "inputs" or "outputs"
// counts.
func parseChained(body string) (parsed, bool) {
	last := strings.LastIndexByte(body, '.')
	if last < 0 {
		return parsed{}, false
	}
	head := body[:last]
	key := body[last+1:]

	i := strings.LastIndexByte(head, '.')
	if i < 0 {
		return parsed{}, false
	}
	p := parsed{meaning: chained, prefix: head[:i], side: head[i+1:], key: key, index: -1}
	if open := strings.IndexByte(p.side, '['); open >= 0 && strings.HasSuffix(p.side, "]") {
		n, err := strconv.Atoi(p.side[open+1 : len(p.side)-1])
		if err != nil || n < 0 {
			return parsed{}, false
		}
		p.side, p.index = p.side[:open], n
	}

	if (p.side != "inputs" && p.side != "outputs") || !strings.Contains(p.prefix, ".") || key == "" {
		return parsed{}, false
	}
	return p, true
}

func isWord(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		letter := (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		digit := r >= '0' && r <= '9'
		return !letter && !digit && r != '-' && r != '_'
	})
}
