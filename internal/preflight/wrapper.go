package preflight

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/component"
	"image-builder/internal/s3uri"
	"image-builder/internal/stack"
)

// The wrapper, as component documents are written.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-action-modules.html#action-modules-executedocument
type (
	wrapper struct {
		Constants []map[string]constant `yaml:"constants,omitempty"`
		Phases    []phase               `yaml:"phases"`
	}
	constant struct {
		Type  string `yaml:"type"`
		Value string `yaml:"value"`
	}
	phase struct {
		Name  string `yaml:"name"`
		Steps []step `yaml:"steps"`
	}
	step struct {
		Name   string `yaml:"name"`
		Action string `yaml:"action"`
		Inputs inputs `yaml:"inputs"`
	}
	inputs struct {
		Document   string `yaml:"document"`
		Phases     string `yaml:"phases"`
		Parameters []pair `yaml:"parameters,omitempty"`
	}
	pair struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
	}
)

// wrapperHead is the start of the wrapper. AWS's examples write the version as a number, which a struct cannot.
const wrapperHead = `# Written by image-builder deploy, from the recipe's components.
name: documents
description: Runs the component documents of a recipe one after another.
schemaVersion: 1.0
`

// wrapperFile is the file name of a document that calls others. They lie beside it in a folder of its name with ".d"
// at the end: the template lets the build instance read that folder.
const wrapperFile = "documents.yml"

// folderless stands in the wrapper for the folder of its documents until that folder is known.
const folderless = "document: " + nowhere + "/"

// nowhere stands for the folder that is still unknown.
const nowhere = "s3://folder"

// wrapped makes one document of several, or of one with parameters. The digest covers everything that runs and its
// parameters, but not the bucket, which the documents' URLs name.
func wrapped(docs []document) ([]Upload, [sha256.Size]byte, error) {
	text, err := wrap(docs)
	if err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	sum := sha256.New()
	writeSized(sum, text)

	for _, d := range docs {
		writeSized(sum, d.text)
	}

	digest := [sha256.Size]byte(sum.Sum(nil))
	outer := stack.ObjectKey(digest, wrapperFile)

	var uploads []Upload
	for i, d := range docs {
		uploads = append(uploads, Upload{Key: outer + ".d/" + inner(i, d), body: func(string) []byte { return d.text }})
	}

	return append(uploads, Upload{
		Key: outer, Parameter: "ComponentDocumentUrl",
		body: func(bucket string) []byte {
			return bytes.ReplaceAll(text, []byte(folderless), []byte("document: "+s3uri.Join(bucket, outer)+".d/"))
		},
	}), digest, nil
}

func writeSized(sum hash.Hash, text []byte) {
	fmt.Fprintf(sum, "%d\n", len(text))
	sum.Write(text)
}

func inner(i int, d document) string { return fmt.Sprintf("%d-%s", i+1, stack.FileName(d.name)) }

// wrap writes the document that calls the others, phase by phase, in their order.
func wrap(docs []document) ([]byte, error) {
	var w wrapper
	steps := map[string][]step{}
	for i, d := range docs {
		parsed, _ := component.Parse(d.name, d.text)
		pairs := w.pairs(i, d.parameters)
		for _, name := range phasesOf(parsed) {
			steps[name] = append(steps[name], step{fmt.Sprintf("Document%d", i+1), "ExecuteDocument", inputs{nowhere + "/" + inner(i, d), name, pairs}})
		}
	}

	for _, name := range component.AMIPhases {
		if len(steps[name]) > 0 {
			w.Phases = append(w.Phases, phase{name, steps[name]})
		}
	}

	text, err := yaml.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("write document: %w", err)
	}

	return slices.Concat([]byte(wrapperHead), text), nil
}

// pairs passes parameters on. A value with braces becomes a constant, since only constants are not expanded again.
func (w *wrapper) pairs(document int, parameters []component.Parameter) []pair {
	var pairs []pair
	for i, p := range parameters {
		value := p.Value
		if strings.Contains(value, "{{") {
			name := fmt.Sprintf("Document%dParameter%d", document+1, i+1)
			w.Constants = append(w.Constants, map[string]constant{name: {"string", value}})
			value = "{{ " + name + " }}"
		}
		pairs = append(pairs, pair{p.Name, value})
	}

	return pairs
}
