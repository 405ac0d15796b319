package testbed

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

// matcher compares answers with recorded ones. In recordings, a text that differs from run to run has a name in angle
// brackets: the same name stands for the same text throughout a recording, and two names of one kind for two texts.
type matcher struct {
	bound map[string]string
	found []string
}

func newMatcher() *matcher {
	return &matcher{bound: map[string]string{"<partition>": "aws", "<region>": wire.Region}}
}

func (m *matcher) differ(path, format string, args ...any) {
	m.found = append(m.found, path+": "+fmt.Sprintf(format, args...))
}

func (m *matcher) match(path string, want, got any) {
	if text, isText := got.(string); isText {
		if _, structured := want.(map[string]any); structured {
			var parsed any
			if json.Unmarshal([]byte(text), &parsed) == nil {
				got = parsed
			}
		}
	}

	switch want := want.(type) {
	case map[string]any:
		m.object(path, want, got)
	case []any:
		m.list(path, want, got)
	case string:
		text, ok := got.(string)
		if !ok {
			m.differ(path, "want %q, got %v", want, got)
			return
		}
		m.text(path, want, text)

	default:
		if fmt.Sprint(want) != fmt.Sprint(got) {
			m.differ(path, "want %v, got %v", want, got)
		}
	}
}

func (m *matcher) object(path string, want map[string]any, got any) {
	object, ok := got.(map[string]any)
	if !ok {
		m.differ(path, "want %v, got %v", want, got)
		return
	}
	names := maps.Clone(want)
	maps.Copy(names, object)

	for _, name := range slices.Sorted(maps.Keys(names)) {
		wanted, here := want[name]
		given, there := object[name]
		switch {
		case !here:
			m.differ(path+"."+name, "AWS has none, got %v", given)
		case !there:
			m.differ(path+"."+name, "want %v, got none", wanted)
		default:
			m.match(path+"."+name, wanted, given)
		}
	}
}

func (m *matcher) list(path string, want []any, got any) {
	list, ok := got.([]any)
	if !ok || len(list) != len(want) {
		m.differ(path, "want %d entries: %v\ngot %v", len(want), want, got)
		return
	}

	switch path[strings.LastIndex(path, ".")+1:] { // lists in any order
	case "Parameters":
		want, list = sorted(want, "ParameterKey"), sorted(list, "ParameterKey")
	case "Details":
		want, list = sorted(want, "ChangeSource"), sorted(list, "ChangeSource")
	}

	for i := range want {
		m.match(fmt.Sprintf("%s[%d]", path, i), want[i], list[i])
	}
}

func sorted(items []any, by string) []any {
	return slices.SortedStableFunc(slices.Values(items), func(a, b any) int {
		return strings.Compare(wire.Text(a.(map[string]any), by), wire.Text(b.(map[string]any), by))
	})
}

var (
	variable  = regexp.MustCompile(`<[a-z][a-z0-9-]*(:\d+)?>`)
	generated = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|CFN-([A-Za-z0-9]+)-[A-Za-z0-9]{12}|([a-z]+)-[0-9a-z]{13}\b|test_[0-9a-f]{8}|\*@[0-9a-f]{8}_\$`)
)

func (m *matcher) text(path, want, got string) {
	switch want {
	case "datetime", "timestamp":
		if !strings.HasPrefix(got, "time:") {
			m.differ(path, "want a time, got %q", got)
		}
		return
	case "resource-status-reason":
		return
	}

	want = strings.ReplaceAll(want, "111111111111", wire.Account)
	if strings.HasSuffix(want, "-date") {
		want = strings.TrimSuffix(want, "date") + fmt.Sprintf("<date:%d>", len(m.bound))
	}

	want = generated.ReplaceAllStringFunc(want, func(id string) string {
		return "<generated-" + strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(id, "")) + ">"
	})
	m.variables(path, want, got)
}

// variables compares a text and binds the names in it.
func (m *matcher) variables(path, want, got string) {
	var pattern strings.Builder
	var names []string

	at := 0
	for _, span := range variable.FindAllStringIndex(want, -1) {
		pattern.WriteString(regexp.QuoteMeta(want[at:span[0]]))
		at = span[1]
		name := want[span[0]:span[1]]
		if text, known := m.bound[name]; known {
			pattern.WriteString(regexp.QuoteMeta(text))
			continue
		}
		pattern.WriteString(`(.+?)`)
		names = append(names, name)
	}

	pattern.WriteString(regexp.QuoteMeta(want[at:]))
	parts := regexp.MustCompile(`(?s)\A` + pattern.String() + `\z`).FindStringSubmatch(got)
	if parts == nil {
		m.differ(path, "want %q, got %q (%v)", want, got, m.bound)
		return
	}

	for i, name := range names {
		m.bind(path, name, parts[i+1])
	}
}

func (m *matcher) bind(path, name, text string) {
	kind, _, _ := strings.Cut(name, ":")
	for other, used := range m.bound {
		if otherKind, _, _ := strings.Cut(other, ":"); otherKind == kind && other != name && used == text {
			m.differ(path, "%s and %s are both %q", name, other, text)
		}
	}
	m.bound[name] = text
}
