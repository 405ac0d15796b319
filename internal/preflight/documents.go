package preflight

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/finding"
	"image-builder/internal/recipe"
	"image-builder/internal/s3uri"
	"image-builder/internal/stack"
	"image-builder/templates"
)

// document is a component document of the recipe.
type document struct {
	name       string // of its file
	url        string // s3://…; "" for a local one
	text       []byte // nil until it is read
	parameters []component.Parameter
	at         finding.Position
}

// largestDocument is how many bytes a document at a URL may have.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateComponent.html
const largestDocument = 64 << 10

// script uploads the bootstrap script, unless it is already in a bucket.
func (p *planner) script() {
	script := p.recipe.Bootstrap
	if script == "" || s3uri.Is(script) {
		p.set("BootstrapScriptUrl", script)
		return
	}
	text, ok := p.read(script, p.recipe.At("bootstrap", 0))
	if !ok {
		return
	}

	delete(p.wanted.Parameters, "BootstrapScriptUrl")
	p.wanted.Uploads = append(p.wanted.Uploads, object("BootstrapScriptUrl", script, text))
}

// read reads a file of at most recipe.MaxFile bytes.
func (p *planner) read(name string, at finding.Position) ([]byte, bool) {
	info, err := os.Stat(name)
	if err == nil && info.Size() > recipe.MaxFile {
		err = fmt.Errorf("read %s: it has %d bytes; at most %d are taken", name, info.Size(), recipe.MaxFile)
	}

	var text []byte
	if err == nil {
		text, err = os.ReadFile(name)
	}

	if err != nil {
		p.add(finding.RecipeFile, at, err.Error(), "correct the path")
	}

	return text, err == nil
}

// components passes the recipe's documents on. The stack takes one document, so several are wrapped by another; those
// in buckets are read first, by Checks.
func (p *planner) components() {
	unread := false
	for _, c := range p.recipe.Components {
		d := document{name: path.Base(c.Document), parameters: c.Parameters, at: c.At}
		if s3uri.Is(c.Document) {
			d.url = c.Document
			unread = true
		} else if text, ok := p.read(c.Document, c.At); ok {
			d.text = text
			p.found = append(p.found, d.check()...)
		}
		p.wanted.documents = append(p.wanted.documents, d)
	}

	if len(p.wanted.documents) == 1 && p.wanted.documents[0].asItIs() {
		p.set("ComponentDocumentUrl", p.wanted.documents[0].url)
		delete(p.wanted.Parameters, "ComponentDocumentVersion") // which depends on its content, and Checks reads that
		p.wanted.Keep = append(p.wanted.Keep, "ComponentDocumentVersion")
		return
	}
	if unread || p.found.Errors() > 0 {
		return
	}

	p.found = append(p.found, p.wanted.compose()...)
}

// asItIs reports whether a document can be passed on unread.
func (d document) asItIs() bool { return d.url != "" && len(d.parameters) == 0 }

// compose makes uploads of documents, all of which were read.
func (w *Wanted) compose() finding.List {
	docs := w.documents
	if len(docs) == 0 {
		return nil
	}
	uploads := []Upload{object("ComponentDocumentUrl", docs[0].name, docs[0].text)}
	digest := sha256.Sum256(docs[0].text)

	if len(docs) > 1 || len(docs[0].parameters) > 0 {
		if found := crossings(docs); len(found) > 0 {
			return found
		}
		var err error
		uploads, digest, err = wrapped(docs)
		if err != nil {
			return finding.List{{Code: finding.StackDocument, Position: docs[0].at, Message: err.Error()}}
		}
	}

	outer := uploads[len(uploads)-1].Body(strings.Repeat("b", 63))
	if len(outer) > largestDocument {
		return finding.List{{
			Code: finding.StackDocument, Position: docs[0].at, Right: "give fewer or shorter values to their parameters",
			Message: fmt.Sprintf("the document that calls the others would have %d bytes, of %d that Image Builder takes", len(outer), largestDocument),
		}}
	}

	delete(w.Parameters, "ComponentDocumentUrl")
	w.Parameters["ComponentDocumentVersion"] = templates.Version(digest)
	w.Uploads = append(w.Uploads, uploads...)
	w.documents = nil
	return nil
}

// earlier is a reference to the output of another phase's step.
var earlier = regexp.MustCompile(`\{\{\s*(` + strings.Join(component.AMIPhases, "|") + `)\.[^{}]*\}\}`)

// check says what would keep Image Builder from running a document.
func (d document) check() finding.List {
	if len(d.text) > largestDocument {
		return finding.List{{
			Code: finding.StackDocument, Position: d.at, Right: "move scripts into files of their own, in a bucket",
			Message: fmt.Sprintf("%s has %d bytes; Image Builder takes %d", d.name, len(d.text), largestDocument),
		}}
	}

	parsed, found := component.Parse(d.name, d.text)
	for _, f := range found {
		if f.Severity == finding.Error {
			return finding.List{{Code: finding.StackDocument, Position: d.at, Message: f.Error(), Right: "image-builder lint shows all that is wrong with it"}}
		}
	}

	if len(phasesOf(parsed)) == 0 {
		return finding.List{{Code: finding.StackDocument, Position: d.at, Message: d.name + " has none of the phases that Image Builder runs", Right: "call a phase build, validate or test"}}
	}
	return nil
}

// crossings finds references from one phase to another: the wrapper calls each phase of a document separately, so
// outputs of earlier phases are lost.
func crossings(docs []document) finding.List {
	var found finding.List
	for _, d := range docs {
		parsed, _ := component.Parse(d.name, d.text)
		parsed.Steps(func(phase *component.Phase, step *component.Step) {
			step.Inputs.Scalars(func(v *component.Value) {
				for _, reference := range earlier.FindAllStringSubmatch(v.Text, -1) {
					if reference[1] != phase.Name.Value {
						found = append(found, finding.Finding{
							Code: finding.StackDocument, Position: d.at, Right: "let the " + reference[1] + " phase write it to a file that the " + phase.Name.Value + " phase reads",
							Message: fmt.Sprintf("%s: the %s phase uses %s, but the stack runs each phase of these documents by itself", d.name, phase.Name.Value, reference[0]),
						})
					}
				}
			})
		})
	}

	return found
}

func phasesOf(doc *component.Document) []string {
	var names []string
	for _, phase := range doc.Phases {
		if slices.Contains(component.AMIPhases, phase.Name.Value) {
			names = append(names, phase.Name.Value)
		}
	}
	return names
}

// object is an upload whose content does not depend on its location.
func object(parameter, file string, body []byte) Upload {
	return Upload{Key: stack.ObjectKey(sha256.Sum256(body), file), Parameter: parameter, body: func(string) []byte { return body }}
}
