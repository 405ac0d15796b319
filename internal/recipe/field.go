package recipe

import (
	"fmt"
	"path/filepath"
	"strings"

	"image-builder/internal/finding"
	"image-builder/internal/schedule"
)

// field is one field of a recipe, and the flag of the same name. Its row in fields is the only place that describes
// it: a new field is a new row. What it means is the stages' task.
type field struct {
	name    string
	example string
	flag    string // the flag's placeholder
	bare    string // the text of the flag without a value; "": it needs one
	help    string // the flag's help text
	value   string // the documentation's description of allowed values
	absent  string // and the default
	// identifies says that a file with this key is a recipe and not some other YAML file.
	identifies bool
	// check returns the text to keep, or what is wrong with it.
	check func(v value) (string, *fault)
	// set takes one value, append one more; both receive checked text. A field has exactly one of them.
	set    func(r *Recipe, text string)
	append func(r *Recipe, text string)
	clear  func(r *Recipe)
	// digest is the part that the recipe's digest covers; nil leaves the field out of it.
	digest func(r *Recipe) (any, error)
}

// text completes the row of a field that is one text.
func text(f field, at func(*Recipe) *string) field {
	f.set = func(r *Recipe, s string) { *at(r) = s }
	f.clear = func(r *Recipe) { *at(r) = "" }
	if f.digest == nil {
		f.digest = func(r *Recipe) (any, error) { return *at(r), nil }
	}
	return f
}

// texts completes the row of a field that is a list of texts.
func texts(f field, at func(*Recipe) *[]string) field {
	f.append = func(r *Recipe, s string) { *at(r) = append(*at(r), s) }
	f.clear = func(r *Recipe) { *at(r) = nil }
	f.digest = func(r *Recipe) (any, error) { return *at(r), nil }
	return f
}

// fault is what is wrong with a value.
type fault struct {
	code           finding.Code
	message, right string
	offset, length int // of the wrong part, in bytes; length 0 means the whole value
}

func fieldNamed(name string) (field, bool) {
	for _, f := range fields() {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// Identifying lists the keys that identify a YAML file as a recipe.
func Identifying() []string {
	var names []string
	for _, f := range fields() {
		if f.identifies {
			names = append(names, f.name)
		}
	}
	return names
}

func fieldNames() []string {
	var names []string
	for _, f := range fields() {
		names = append(names, f.name)
	}
	return names
}

func list(names []string) string { return strings.Join(names, ", ") }

func (b *builder) setField(f field, v value) {
	b.recipe.positions[f.name] = []finding.Position{v.at}
	if text, ok := b.checked(f, v); ok {
		f.set(b.recipe, text)
		b.recipe.When, _ = schedule.Parse(b.recipe.Schedule, b.recipe.TimeZone)
	}
}

func (b *builder) appendField(f field, v value) {
	text, ok := b.checked(f, v)
	if !ok {
		return
	}

	if f.name == "git-mirrors" {
		b.checkCollision(v)
	}

	f.append(b.recipe, text)
	b.recipe.positions[f.name] = append(b.recipe.positions[f.name], v.at)

	if f.name == "components" {
		b.recipe.Components[len(b.recipe.Components)-1].At = v.at
	}
}

func (b *builder) checked(f field, v value) (string, bool) {
	if strings.TrimSpace(v.text) == "" {
		b.add(finding.RecipeType, v, f.name+" is blank", fmt.Sprintf("write %s: %s, or remove it", f.name, f.example))
		return "", false
	}
	if strings.ContainsAny(v.text, "\x00\n\r") {
		b.add(finding.RecipeType, v, f.name+" holds a line break", "write it on one line")
		return "", false
	}

	text, wrong := f.check(v)
	if wrong != nil {
		b.add(wrong.code, v.part(wrong.offset, wrong.length), wrong.message, wrong.right)
	}

	return text, wrong == nil
}

// part is the place of some bytes of a value.
func (v value) part(offset, length int) value {
	quoted := len([]rune(v.text)) != v.length
	if length == 0 || v.at.Line == 0 || v.length == 0 || offset+length > len(v.text) {
		return v
	}
	v.at.Column += len([]rune(v.text[:offset]))
	if quoted {
		v.at.Column++
	}
	v.length = len([]rune(v.text[offset : offset+length]))
	return v
}

// path resolves a relative path against the directory of the file that contains it.
func (v value) path() string {
	if filepath.IsAbs(v.text) || v.dir == "" || v.dir == "." {
		return filepath.Clean(v.text)
	}
	return filepath.Join(v.dir, v.text)
}

// checkCollision finds repositories whose mirrors would share a directory.
func (b *builder) checkCollision(v value) {
	for i, other := range b.recipe.GitMirrors {
		if MirrorName(other) != MirrorName(v.text) {
			continue
		}
		message := fmt.Sprintf("%s has the mirror directory of %s", v.text, other)
		if other == v.text {
			message = fmt.Sprintf("%s is listed twice", v.text)
		}
		b.add(finding.RecipeMirror, v, message, fmt.Sprintf("keep one of them; the other is at %s", b.recipe.At("git-mirrors", i)))
		return
	}
}
