package component

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// shortestSecret is the fewest bytes of a looked-up value that is masked: shorter ones would garble every line.
const shortestSecret = 4

// masker replaces secrets in what people read. It is safe for use by several goroutines.
type masker struct {
	mu       sync.RWMutex
	outer    func(string) string
	secrets  []string
	replacer *strings.Replacer
}

// learn adds a secret, and each of its lines.
func (m *masker) learn(secret string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, part := range append(strings.Split(secret, "\n"), secret) {
		part = strings.TrimRight(part, "\r\n")
		if len(part) >= shortestSecret && !slices.Contains(m.secrets, part) {
			m.secrets = append(m.secrets, part)
			m.replacer = nil
		}
	}

	if m.replacer != nil || len(m.secrets) == 0 {
		return
	}
	slices.SortFunc(m.secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })

	pairs := make([]string, 0, 2*len(m.secrets))
	for _, s := range m.secrets {
		pairs = append(pairs, s, "***")
	}

	m.replacer = strings.NewReplacer(pairs...)
}

func (m *masker) hide(text string) string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.replacer != nil {
		text = m.replacer.Replace(text)
	}
	if m.outer != nil {
		text = m.outer(text)
	}
	return text
}

// boundary returns a place in text, at or before end, where the text can be cut without splitting a secret or a
// character.
func (m *masker) boundary(text []byte, end int) int {
	m.mu.RLock()
	defer m.mu.RUnlock()

	end = min(end, len(text))
	moved := true
	for moved {
		moved = false
		for _, secret := range m.secrets {
			from := max(0, end-len(secret)+1)
			around := text[from:min(len(text), end+len(secret)-1)]
			if at := bytes.Index(around, []byte(secret)); at >= 0 && from+at < end {
				end = from + at
				moved = true
			}
		}
	}

	for end > 0 && end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}

	return end
}

// inputs masks the texts of inputs for the log files. As in awstoe's, inputs that the document leaves out are empty.
func (m *masker) inputs(list []Inputs, schema Schema) []map[string]any {
	masked := make([]map[string]any, len(list))
	for i, in := range list {
		masked[i] = make(map[string]any, len(in))
		for name, value := range in {
			if c, ok := value.(*Condition); ok {
				masked[i] = m.condition(c)
				continue
			}
			masked[i][name] = m.value(value)
		}

		for _, field := range schema.Fields {
			if !in.Has(field.Name) && field.Kind == Text {
				masked[i][field.Name] = ""
			}
		}
	}

	return masked
}

func (m *masker) value(value any) any {
	switch value := value.(type) {
	case string:
		return m.hide(value)
	case []string:
		masked := make([]string, len(value))
		for i, text := range value {
			masked[i] = m.hide(text)
		}
		return masked

	case map[string]string:
		masked := make(map[string]string, len(value))
		for key, text := range value {
			masked[key] = m.hide(text)
		}
		return masked

	case []Parameter:
		masked := make([]Parameter, len(value))
		for i, p := range value {
			masked[i] = Parameter{Name: p.Name, Value: m.hide(p.Value)}
		}
		return masked
	}

	return value
}

// condition writes a condition as the document does, masked.
func (m *masker) condition(c *Condition) map[string]any {
	object := map[string]any{}

	if c.Baseline != nil {
		object[c.Operator] = m.hide(c.Baseline.Text)
	} else {
		operands := make([]map[string]any, len(c.Operands))
		for i, operand := range c.Operands {
			operands[i] = m.condition(operand)
		}
		object[c.Operator] = operands
	}

	if c.Tested != nil {
		object[secondKeys[operators[c.Operator]]] = m.hide(c.Tested.Text)
	}

	return object
}

// outputs masks outputs for the log files.
func (m *masker) outputs(list []Outputs) []Outputs {
	masked := make([]Outputs, len(list))
	for i, out := range list {
		masked[i] = make(Outputs, len(out))
		for name, text := range out {
			masked[i][name] = m.maskEnd(m.hide(text), len(text))
		}
	}
	return masked
}

// maskEnd hides the beginning of a secret at the end of a masked text whose original was cut at that many bytes:
// later steps need the output unchanged, so it cannot be masked earlier.
func (m *masker) maskEnd(masked string, length int) string {
	if length < maxText-utf8.UTFMax {
		return masked
	}
	m.mu.RLock()
	defer m.mu.RUnlock()

	cutAt := len(masked)
	for _, secret := range m.secrets {
		for size := min(len(secret)-1, len(masked)); size >= shortestSecret; size-- {
			if strings.HasSuffix(masked, secret[:size]) {
				cutAt = min(cutAt, len(masked)-size)
				break
			}
		}
	}

	if cutAt == len(masked) {
		return masked
	}
	return masked[:cutAt] + "***"
}
