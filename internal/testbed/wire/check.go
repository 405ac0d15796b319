package wire

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const unknownParameter = "Unknown parameter"

// checker compares values with shapes. Its findings have AWS's wording.
type checker struct {
	model  *model
	answer bool // of the service's own
	found  []string
}

// check lists the ways in which a value breaks the shape.
func (m *model) check(s *shape, value any) []string {
	c := &checker{model: m}
	c.value(s, "", value)
	return c.found
}

// checkAnswer is check for answers of the service: their lists and maps may be empty where the model wants an entry,
// as AWS's recorded answers show.
func (m *model) checkAnswer(s *shape, value any) []string {
	c := &checker{model: m, answer: true}
	c.value(s, "", value)
	return c.found
}

func (c *checker) broken(path string, value any, format string, args ...any) {
	shown := fmt.Sprintf("'%v'", value)
	if value == nil {
		shown = "null"
	}
	c.found = append(c.found, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: Member must %s", shown, path, fmt.Sprintf(format, args...)))
}

func (c *checker) value(s *shape, path string, value any) {
	switch v := value.(type) {
	case Values:
		if s.Type == "map" {
			c.mapping(s, path, v)
			return
		}
		c.structure(s, path, v)

	case []any:
		c.list(s, path, v)
	case string:
		c.text(s, path, v)
	case bool:
		c.kind(s, path, value, "boolean")

	case int64:
		c.kind(s, path, value, "integer", "long", "float", "double")
		c.number(s, path, float64(v))
	case float64:
		c.kind(s, path, value, "float", "double")
		c.number(s, path, v)

	case time.Time:
		c.kind(s, path, value, "timestamp")
	case []byte:
		c.kind(s, path, value, "blob")
		c.length(s, path, value, len(v))

	default:
		c.found = append(c.found, fmt.Sprintf("%s is a %T", path, value))
	}
}

func (c *checker) kind(s *shape, path string, value any, kinds ...string) bool {
	if slices.Contains(kinds, s.Type) {
		return true
	}
	c.broken(path, value, "be a %s", s.Type)
	return false
}

func (c *checker) structure(s *shape, path string, values Values) {
	if !c.kind(s, path, values, "structure") {
		return
	}

	for _, name := range s.Required {
		if values[name] == nil {
			c.broken(below(path, name), nil, "not be null")
		}
	}

	for _, name := range slices.Sorted(maps.Keys(values)) {
		m := s.Members[name]
		switch {
		case m == nil:
			c.found = append(c.found, fmt.Sprintf("%s '%s'", unknownParameter, below(path, name)))
		case values[name] != nil:
			c.value(c.model.Shapes[m.Shape], below(path, name), values[name])
		}
	}
}

// below writes a path as AWS does: members begin with a small letter.
func below(path, name string) string {
	name = strings.ToLower(name[:1]) + name[1:]
	if path == "" {
		return name
	}
	return path + "." + name
}

func (c *checker) mapping(s *shape, path string, values Values) {
	c.size(s, path, values, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		c.value(c.model.Shapes[s.Key.Shape], path, key)
		c.value(c.model.Shapes[s.Value.Shape], path+"."+key+".member", values[key])
	}
}

func (c *checker) list(s *shape, path string, items []any) {
	if !c.kind(s, path, items, "list") {
		return
	}
	c.size(s, path, items, len(items))
	for i, item := range items {
		c.value(c.model.Shapes[s.Member.Shape], fmt.Sprintf("%s.%d.member", path, i+1), item)
	}
}

func (c *checker) text(s *shape, path, text string) {
	if !c.kind(s, path, text, "string", "character") {
		return
	}
	if s.Enum != nil && !slices.Contains(s.Enum, text) {
		c.broken(path, text, "satisfy enum value set: [%s]", strings.Join(s.Enum, ", "))
	}
	if p := Compiled(s.Pattern); p != nil && !p.MatchString(text) {
		c.broken(path, text, "satisfy regular expression pattern: %s", s.Pattern)
	}
	c.length(s, path, text, utf8.RuneCountInString(text))
}

func (c *checker) size(s *shape, path string, value any, entries int) {
	if !c.answer || entries > 0 {
		c.length(s, path, value, entries)
	}
}

func (c *checker) length(s *shape, path string, value any, length int) {
	if s.Min != nil && float64(length) < *s.Min {
		c.broken(path, value, "have length greater than or equal to %.0f", *s.Min)
	}
	if s.Max != nil && float64(length) > *s.Max {
		c.broken(path, value, "have length less than or equal to %.0f", *s.Max)
	}
}

func (c *checker) number(s *shape, path string, number float64) {
	if s.Min != nil && number < *s.Min {
		c.broken(path, number, "have value greater than or equal to %.0f", *s.Min)
	}
	if s.Max != nil && number > *s.Max {
		c.broken(path, number, "have value less than or equal to %.0f", *s.Max)
	}
}

var (
	patterns sync.Map // by the model's text
	unicode  = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`)
	many     = regexp.MustCompile(`\{(\d+),(\d{4,})\}`) // Go counts to 1000: beyond that the shape's length must do
)

// Compiled is a pattern for the whole of a text. It is nil if Go cannot match the pattern (look-arounds): then texts
// are not checked against it.
func Compiled(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	p, known := patterns.Load(pattern)
	if !known {
		text := many.ReplaceAllString(unicode.ReplaceAllString(pattern, `\x{$1}`), `{$1,}`)
		compiled, _ := regexp.Compile(`\A(?:` + text + `)\z`)
		p, _ = patterns.LoadOrStore(pattern, compiled)
	}
	return p.(*regexp.Regexp)
}
