// Package lint checks recipes, component documents, CloudFormation templates and scripts without running anything.
//
// Package component knows the rules of the language; lint adds checks of the scripts inside: commands that run, but
// go wrong in a bake. It never runs a file, never follows a URL and prints nothing.
package lint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/finding"
	"image-builder/internal/recipe"
)

// Linter checks files. One Linter may be used by several goroutines.
type Linter struct {
	// Modules are the action modules that documents may name.
	Modules component.Modules
	// Platform is the platform that documents must work on; empty: any.
	Platform component.Platform
}

// Result is a file's kind, and what is wrong with it.
type Result struct {
	Kind     Kind
	Findings finding.List
	// Text is the file's text, for printing the lines with findings.
	Text []byte
}

// ErrKind says that a file is of no kind that lint checks.
var ErrKind = errors.New("this is not a recipe, component document, CloudFormation template or script")

// File checks a file. The error says that the file is unreadable, or wraps ErrKind.
func (l *Linter) File(path string) (Result, error) {
	text, err := Read(path)
	if err != nil {
		return Result{}, err
	}
	return l.Text(path, text)
}

// Read reads a regular file of at most recipe.MaxFile bytes.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("lint: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > recipe.MaxFile {
		return nil, fmt.Errorf("lint %s: this is not a regular file of at most 1 MiB", path)
	}

	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("lint: %w", err)
	}

	return text, nil
}

// Text checks a file's text. The path names it in findings and is the base for relative paths in it.
func (l *Linter) Text(path string, text []byte) (Result, error) {
	if isUTF16(text) {
		return Result{Kind: Document, Text: text, Findings: finding.List{{
			Code: finding.Syntax, Position: finding.Position{File: path, Line: 1, Column: 1}, Message: "the file is encoded as UTF-16", Right: "save the file as UTF-8",
		}}}, nil
	}
	result := Result{Kind: KindOf(path, text), Text: text}
	switch result.Kind {
	case Document:
		result.Findings = l.document(path, text)
	case Recipe:
		result.Findings = l.recipe(path, text)
	case Template:
		result.Findings = l.template(path, text)

	case Script:
		result.Findings = l.script(path, string(text))
	default:
		if !blank(text) {
			return result, fmt.Errorf("lint %s: %w", path, ErrKind)
		}
		result.Findings = l.document(path, text)
	}

	return result, nil
}

func (l *Linter) document(file string, text []byte) finding.List {
	doc, found := l.check(file, text, l.Platform)
	var steps []int
	if doc != nil {
		steps = stepLines(doc)
	}
	return sorted(silence(file, string(text), steps, found))
}

// check makes all checks of a document, before ignore comments apply.
func (l *Linter) check(file string, text []byte, platform component.Platform) (*component.Document, finding.List) {
	doc, found := component.Parse(file, text)
	if doc == nil {
		return nil, found
	}
	found = append(found, component.Check(doc, l.Modules, component.Options{Platform: platform})...)
	found = append(found, almostPhases(doc, found)...)
	found = append(found, brokenURLs(doc, found)...)
	return doc, append(found, l.documentHazards(doc)...)
}

func (l *Linter) documentHazards(doc *component.Document) finding.List {
	var found finding.List
	w := newWhole(doc.Source())
	doc.Steps(func(_ *component.Phase, step *component.Step) {
		step.Inputs.Scalars(func(v *component.Value) {
			w.fetchesSecrets = w.fetchesSecrets || (step.Action.Value == "S3Download" && strings.HasPrefix(v.Text, secretsDir))
		})
	})

	doc.Steps(func(_ *component.Phase, step *component.Step) {
		if s, ok := stepScript(doc, step); ok {
			found = append(found, hazards(l.read(s), w)...)
			return
		}
		step.Inputs.Scalars(func(v *component.Value) {
			place := func(offset int) finding.Position { return doc.Locate(v, offset) }
			found = append(found, revokedKey(script{text: v.Text, place: place})...)
		})
		found = append(found, literalHomes(doc, step)...)
	})

	return found
}

func (l *Linter) script(file, text string) finding.List {
	if !isShell(text) {
		return revokedKey(fileScript(file, text))
	}
	sh := l.read(fileScript(file, text))
	return sorted(silence(file, text, nil, hazards(sh, newWhole(text))))
}

// recipe checks a recipe, and the local script and documents that it names.
func (l *Linter) recipe(file string, text []byte) finding.List {
	r, found := recipe.Parse(file, text)
	for i := range found {
		if found[i].Code == finding.RecipeFile && found[i].Position == r.At("secrets", 0) {
			found[i].Severity = finding.Warning // lint often runs where the secrets are absent; a bake requires them
		}
	}
	found = append(found, r.Conflicts()...)
	return append(sorted(silence(file, string(text), nil, found)), l.Named(r)...)
}

// Named checks the local script and documents that a recipe names, and their parameters.
func (l *Linter) Named(r *recipe.Recipe) finding.List {
	var found finding.List

	if local(r.Bootstrap) {
		text, err := Read(r.Bootstrap)
		if err != nil {
			found = append(found, unreadable(r.At("bootstrap", 0), err, "name a script"))
		}
		found = append(found, l.script(r.Bootstrap, string(text))...)
	}

	for _, c := range r.Components {
		if !local(c.Document) {
			continue
		}
		text, err := Read(c.Document)
		if err != nil {
			found = append(found, unreadable(c.At, err, "name a component document"))
			continue
		}
		found = append(found, l.document(c.Document, text)...)
		found = append(found, parameters(c, text)...)
	}

	return found
}

func unreadable(at finding.Position, err error, right string) finding.Finding {
	return finding.Finding{Code: finding.RecipeFile, Position: at, Message: err.Error(), Right: right}
}

// parameters compares a recipe's parameter values with the parameters that the document declares.
func parameters(c recipe.Component, text []byte) finding.List {
	doc, _ := component.Parse(c.Document, text)
	if doc == nil {
		return nil
	}
	var found finding.List
	var names []string

	given := map[string]bool{}
	for _, p := range c.Parameters {
		given[p.Name] = true
	}

	for _, v := range doc.Parameters {
		names = append(names, v.Name.Value)
		if !v.Given && !given[v.Name.Value] {
			found = append(found, finding.Finding{
				Code: finding.RecipeParameter, Position: c.At, Message: fmt.Sprintf("%s needs a value for its parameter %s", c.Document, v.Name.Value),
				Right: fmt.Sprintf("write {path: …, parameters: {%s: value}}", v.Name.Value),
			})
		}
		delete(given, v.Name.Value)
	}

	for _, p := range c.Parameters {
		if !given[p.Name] {
			continue
		}
		right := "it has " + strings.Join(names, ", ")
		if near := finding.Nearest(p.Name, names); near != "" {
			right = fmt.Sprintf("did you mean %s?", near)
		} else if len(names) == 0 {
			right = "it has none"
		}
		found = append(found, finding.Finding{Code: finding.RecipeParameter, Position: c.At, Message: fmt.Sprintf("%s has no parameter %s", c.Document, p.Name), Right: right})
	}

	return found
}

func local(reference string) bool { return reference != "" && !strings.Contains(reference, "://") }

// isShell separates shell scripts from scripts in other languages, by the #! line.
func isShell(text string) bool {
	program := shebangProgram(text)
	return program == "" || strings.HasSuffix(program, "sh")
}

// shebangProgram returns the name of the program that the #! line asks for; "" if there is none.
func shebangProgram(text string) string {
	line, _, _ := strings.Cut(text[:min(len(text), 200)], "\n")
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if !strings.HasPrefix(line, "#!") || len(words) == 0 {
		return ""
	}
	program := filepath.Base(words[0])
	if program == "env" && len(words) > 1 {
		program = words[len(words)-1]
		for _, word := range words[1:] {
			if !strings.HasPrefix(word, "-") && !isAssignment(word) {
				program = word
				break
			}
		}
	}

	return program
}
