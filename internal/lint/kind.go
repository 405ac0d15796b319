package lint

import (
	"bytes"
	"regexp"
	"strings"

	"image-builder/internal/recipe"
)

// Kind is what a file is.
type Kind int

// The kinds of files that lint checks.
const (
	Unknown Kind = iota
	Document
	Recipe
	Template
	Script
)

func (k Kind) String() string {
	return [...]string{"unknown", "document", "recipe", "template", "script"}[k]
}

// listedPhases separates a document with a mistaken `version` from CodeBuild's files, whose phases are a map.
var listedPhases = regexp.MustCompile(`(?m)^"?phases"?:[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n)*[ \t]*-[ \t]`)

// KindOf detects a file's kind from its first line and its top-level keys. The file may be malformed.
func KindOf(path string, text []byte) Kind {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if recipe.IsScript(path, text) {
		return Script
	}
	keys := topKeys(text)
	switch {
	case keys["AWSTemplateFormatVersion"] || keys["Resources"]:
		return Template
	case keys["mainSteps"] || keys["runtimeConfig"]: // Systems Manager's documents have a schemaVersion too
		return Unknown
	case (keys["schemaVersion"] && !keys["steps"]) || (keys["phases"] && (!keys["version"] || listedPhases.Match(text))):
		return Document
	}

	for _, key := range recipe.Identifying() {
		if keys[key] {
			return Recipe
		}
	}

	if resembles(keys, text) {
		return Document
	}
	return Unknown
}

// Certain reports whether a file found in a directory is surely of its kind: many unrelated files have a key called
// packages, phases or Resources.
func Certain(kind Kind, text []byte) bool {
	keys := topKeys(text)
	switch kind {
	case Document:
		return (keys["schemaVersion"] && keys["phases"]) || resembles(keys, text)
	case Template:
		return bytes.Contains(text, []byte("AWS::ImageBuilder::"))
	case Recipe:
		return keys["base"] || keys["bootstrap"] || keys["git-mirrors"]
	}
	return false
}

// topKeys returns the keys of the outermost map, by indentation in YAML and by depth in braces.
func topKeys(text []byte) map[string]bool {
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		return flowKeys(string(trimmed))
	}
	keys := map[string]bool{}

	indent := -1
	for line := range strings.Lines(string(text)) {
		trimmed := strings.TrimLeft(line, " ")
		trimmed = strings.TrimSpace(trimmed)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == '%' || strings.HasPrefix(trimmed, "---") {
			continue
		}
		depth := len(line) - len(strings.TrimLeft(line, " "))

		if indent < 0 {
			indent = depth
		}

		if depth > indent {
			continue
		}
		key, _, found := strings.Cut(trimmed, ":")
		if found {
			keys[strings.Trim(strings.TrimSpace(key), `"'`)] = true
		}
	}

	return keys
}

// flowKeys returns the keys at depth one of a map in braces, quoted as in JSON or not. It accepts anything: the
// parser reports errors later.
func flowKeys(text string) map[string]bool {
	keys := map[string]bool{}
	depth := 0
	quoted := false

	start := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			start = i + 1

		case c == '}' || c == ']':
			depth--
		case depth == 1 && c == ',':
			start = i + 1
		case depth == 1 && c == ':':
			keys[strings.Trim(strings.TrimSpace(text[start:i]), `"'`)] = true
		}
	}

	return keys
}

// isUTF16 reports whether a file begins with a byte order mark of UTF-16, or has the zero bytes of Latin text in it.
func isUTF16(text []byte) bool {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return true
	}
	return len(text) > 3 && len(text)%2 == 0 && ((text[0] == 0 && text[2] == 0) || (text[1] == 0 && text[3] == 0))
}

// blank reports whether a file has only comments and separators.
func blank(text []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) && !bytes.Equal(line, []byte("...")) {
			return false
		}
	}
	return true
}
