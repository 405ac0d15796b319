package recipe

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"image-builder/internal/finding"
)

// Override is the command line's values, by field name: one text, or the entries of a list. An empty list empties the
// field.
type Override map[string][]string

// Flags are the command line's flags of all fields; a command embeds them, as NewFlags returns them.
type Flags struct {
	// Fields points to a struct with a flag for each field, in the form that kong reads.
	Fields any `embed:""`
}

// NewFlags makes a flag of each row of the table.
func NewFlags() Flags {
	var members []reflect.StructField
	for _, f := range fields() {
		kind := reflect.TypeFor[flag]()
		if f.bare != "" {
			kind = reflect.TypeFor[bareFlag]()
		}
		members = append(members, reflect.StructField{
			Name: "F" + strings.ReplaceAll(f.name, "-", "_"), Type: kind,
			Tag: reflect.StructTag(fmt.Sprintf("name:%q help:%q placeholder:%q", f.name, f.help, f.flag)),
		})
	}

	return Flags{Fields: reflect.New(reflect.StructOf(members)).Interface()}
}

// Override returns the flags that were given.
func (f Flags) Override() Override {
	given := Override{}
	members := reflect.ValueOf(f.Fields).Elem()
	for i, row := range fields() {
		one, isFlag := members.Field(i).Interface().(flag)
		if !isFlag {
			one = flag(members.Field(i).Interface().(bareFlag))
		}
		if one.given && row.bare != "" && len(one.texts) == 0 {
			one.texts = []string{row.bare}
		}
		if one.given {
			given[row.name] = one.texts
		}
	}

	return given
}

// flag collects the texts given for one flag, one for each use.
type flag struct {
	given bool
	texts []string
}

// UnmarshalText takes the flag's text.
func (f *flag) UnmarshalText(text []byte) error {
	f.given = true
	if len(text) > 0 {
		f.texts = append(f.texts, string(text))
	}
	return nil
}

// bareFlag is a flag that needs no value: --publish, or --publish=REGION.
type bareFlag flag

// IsBool says that it needs none.
func (f *bareFlag) IsBool() bool { return true }

// Decode takes a value that is joined to the flag by =.
func (f *bareFlag) Decode(ctx *kong.DecodeContext) error {
	f.given = true
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	text, _ := ctx.Scan.Pop().Value.(string)
	if text == "" {
		text = "false"
	}
	f.texts = append(f.texts, text)
	return nil
}

// Override replaces fields by flags; a list replaces the whole list, and an empty text empties the field. Findings
// name the flag instead of a file.
func (r *Recipe) Override(flags Override) finding.List {
	b := builder{recipe: r}
	for _, f := range fields() {
		given, present := flags[f.name]
		if !present {
			continue
		}

		r.clearField(f)
		if r.flagged == nil {
			r.flagged = map[string]bool{}
		}
		r.flagged[f.name] = true
		for _, text := range given {
			b.override(f, text)
		}
	}

	return b.found
}

func (b *builder) override(f field, text string) {
	if f.set != nil {
		b.setField(f, flagValue(f.name, text))
		return
	}
	for _, item := range splitList(text) {
		b.appendField(f, flagValue(f.name, item))
	}
}

// splitList splits a list at its commas. A comma after a backslash belongs to the entry.
func splitList(text string) []string {
	items := strings.Split(strings.ReplaceAll(text, `\,`, "\x00"), ",")
	for i, item := range items {
		items[i] = strings.ReplaceAll(item, "\x00", ",")
	}
	return items
}

func flagValue(name, text string) value {
	return value{text: text, at: finding.Position{File: "--" + name}}
}

func (r *Recipe) clearField(f field) {
	f.clear(r)
	delete(r.positions, f.name)
}
