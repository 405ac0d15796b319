package secret

import (
	"slices"
	"strings"
)

const masked = "***"

// Mask returns line with every occurrence of every pattern replaced by ***; overlapping or adjacent occurrences
// become one.
func (s *Set) Mask(line string) string {
	found := s.Search().occurrences(line)
	if len(found) == 0 {
		return line
	}
	var out strings.Builder

	at := 0
	for _, place := range found {
		out.WriteString(line[at:place[0]])
		out.WriteString(masked)
		at = place[1]
	}

	out.WriteString(line[at:])
	return out.String()
}

// occurrences returns the parts of text that patterns cover, as disjoint [start, end), in order.
func (x *Search) occurrences(text string) [][2]int {
	if len(text) < MinLength || len(x.patterns) == 0 {
		return nil
	}
	var found [][2]int
	x.index.scan(pad([]byte(text)), func(i int, e entry) {
		pattern := x.patterns[e.pattern].text
		if start := i - int(e.at); start >= 0 && strings.HasPrefix(text[min(start, len(text)):], pattern) {
			found = append(found, [2]int{start, start + len(pattern)})
		}
	})

	slices.SortFunc(found, func(a, b [2]int) int { return a[0] - b[0] })
	apart := found[:0]
	for _, place := range found {
		if last := len(apart) - 1; last >= 0 && place[0] <= apart[last][1] {
			apart[last][1] = max(apart[last][1], place[1])
			continue
		}
		apart = append(apart, place)
	}

	return apart
}

// Masker masks one line that arrives in pieces, because it is too long to hold in full. It keeps back the end of each
// piece as far as a secret may begin there.
type Masker struct {
	set  *Set
	keep int // bytes
	held string
}

// Masker returns a Masker at the beginning of a line.
func (s *Set) Masker() *Masker {
	m := &Masker{set: s}
	for _, p := range s.Search().patterns {
		if !strings.Contains(p.text, "\n") {
			m.keep = max(m.keep, len(p.text)-1)
		}
	}
	return m
}

// Next takes the next piece of the line and returns the text that can be shown so far.
func (m *Masker) Next(piece string) string {
	text := m.held + piece
	cut := max(0, len(text)-m.keep)
	for _, place := range m.set.Search().occurrences(text) {
		if place[0] < cut && cut < place[1] { // a secret leaves whole, or is kept back
			cut = place[0]
		}
	}
	m.held = text[cut:]
	return m.set.Mask(text[:cut])
}

// End ends the line: it returns the text that was kept back.
func (m *Masker) End() string {
	rest := m.set.Mask(m.held)
	m.held = ""
	return rest
}
