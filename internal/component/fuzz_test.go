package component_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"image-builder/internal/component"
)

// FuzzParse reads any bytes: no panic, no hang, and every finding at a place that the file has.
func FuzzParse(f *testing.F) {
	archives, err := filepath.Glob("testdata/check/*.txtar")
	if err != nil {
		f.Fatal(err)
	}

	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for i := 0; i < len(archive.Files); i += 2 {
			f.Add(archive.Files[i].Data)
		}
	}

	f.Add([]byte(strings.Repeat("[", 200)))
	f.Add([]byte("a: &a [*a, *a]\n"))
	all := modules()
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, list := component.Parse("fuzz.yml", text)
		if doc == nil && list.Errors() == 0 {
			t.Fatal("no document and no error")
		}
		list = append(list, component.Check(doc, all, component.Options{Platform: component.Linux})...)

		lines := strings.Split(string(text), "\n")
		for _, finding := range list {
			if finding.Message == "" || finding.Code == "" || (!utf8.ValidString(finding.Error()) && utf8.Valid(text)) {
				t.Errorf("finding without a message: %+v", finding)
			}
			if finding.Line < 1 || finding.Line > len(lines)+1 {
				t.Errorf("line %d of %d: %v", finding.Line, len(lines), finding)
			}
		}
	})
}

// FuzzExpression resolves any text: no panic, and text without a reference stays as it is.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{
		"plain", "{{ Par }}", "{{{{ Par }}}}", "{{ build.s.outputs.stdout }}", "{{ aws:ssm:/x }}", "{{ aws:ssm:resolve(Par) }}",
		"{{ loop.index }}", "{{", "}}", "{{ }}", "{{ a.b.inputs[99999999999999999999].c }}", "{ {x} }", "{{{Par}}}",
	} {
		f.Add(text)
	}

	f.Fuzz(func(t *testing.T, text string) {
		got, err := component.Expand(t.Context(), text, map[string]string{"Par": "{{ Par }}", "Other": "o"}, values{"/x": "{{ Par }}"})
		if err != nil {
			return
		}
		if !component.HasReference(text) && got != text {
			t.Errorf("%q became %q without a reference", text, got)
		}
		if again, _ := component.Expand(t.Context(), text, map[string]string{"Par": "{{ Par }}", "Other": "o"}, values{"/x": "{{ Par }}"}); again != got {
			t.Errorf("%q became %q, then %q", text, got, again)
		}
	})
}
