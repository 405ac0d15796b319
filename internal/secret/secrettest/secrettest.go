// Package secrettest is a corpus of credential files for tests: more than 200 files in more than 60 formats, each
// with its values that must not reach an image.
//
// The directory corpus holds templates, written after each tool's documentation. A template has placeholders instead
// of credentials, so the tree holds no credential. The list of values is made together with the file: a placeholder
// such as «pass | json» generates a password, records it, and writes it as the format requires. Each template yields
// one file for each kind of value (see kinds.go). Every run yields the same values.
//
// The package only makes texts. It never searches, and nothing of the product may import it.
package secrettest

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed corpus
var corpus embed.FS

// File is one credential file.
type File struct {
	Name string // format/name, unique
	Text []byte
	// Values are the values that a search must find when each stands alone on a disk, as a program that read the file
	// would write it. Each has at least 12 bytes.
	Values []string
}

// Format is the tool or the kind of file, for counts.
func (f File) Format() string {
	format, _, _ := strings.Cut(f.Name, "/")
	return format
}

// Files returns the corpus, in the order of its names. An error is a mistake in a template.
func Files() ([]File, error) {
	names, err := fs.Glob(corpus, "corpus/*.txtar")
	if err != nil {
		return nil, err
	}

	var files []File
	for _, name := range names {
		text, err := corpus.ReadFile(name)
		if err != nil {
			return nil, err
		}

		for _, one := range txtar.Parse(text).Files {
			for kind := range kinds {
				file, err := render(one.Name, string(one.Data), kind)
				if err != nil {
					return nil, fmt.Errorf("render %s of %s: %w", one.Name, name, err)
				}
				files = append(files, file)
			}
		}
	}

	return files, nil
}

// render fills in one template with values of one kind.
func render(name, text string, kind int) (File, error) {
	name = fmt.Sprintf("%s.%d", name, kind)
	values := newGenerator(name, kind)

	parsed, err := template.New(name).Delims("«", "»").Funcs(values.placeholders()).Parse(text)
	if err != nil {
		return File{}, err
	}

	var out strings.Builder
	if err := parsed.Execute(&out, nil); err != nil {
		return File{}, err
	}

	return File{Name: name, Text: []byte(out.String()), Values: values.made}, nil
}
