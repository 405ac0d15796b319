// Package recipe is the definition of a bake: what a recipe file, a bare script or flags ask for.
//
// It reads and checks the definition, and resolves its relative paths against the recipe's directory. It never reads
// a secret, never fetches anything and never looks into a base: the stages find out whether those exist.
package recipe

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"image-builder/internal/component"
	"image-builder/internal/finding"
	"image-builder/internal/image"
	"image-builder/internal/schedule"
)

// MaxFile is the largest recipe, script or document, in bytes.
const MaxFile = 1 << 20

// Recipe says what to bake. Its paths are relative to the working directory, or absolute.
type Recipe struct {
	File         string // as given to Load; "" for flags alone
	Name         string
	Base         string // ssm:/name, debian:SUITE, ubuntu:SUITE, https://…#sha256=…, ami-…, a path, or the name of a stored base
	Bootstrap    string // path or s3:// URL of a script; "" for none
	Secrets      string // path, s3://bucket[/prefix], secretsmanager:NAME or ssm:/path; "" for none
	GitMirrors   []string
	DockerImages []string
	Packages     []string // system packages, gem:NAME, npm:NAME
	Components   []Component
	Output       string // parameter that receives the image's ID; "" for none
	Schedule     string // as written
	TimeZone     string // IANA name; "" is UTC
	When         schedule.Schedule
	Disk         int64 // bytes; 0 leaves the base's size
	Timeout      time.Duration
	AllowLeak    []string     // paths in the image that may hold a secret
	Publish      *Publish     // nil: the image stays on this machine
	Test         image.TestIn // "": what this machine has
	TestJob      bool         // the image's agent runs a first job in the test
	BootBudget   *image.BootBudget
	Prefetch     bool // the image reads ahead what its boot reads
	positions    map[string][]finding.Position
	flagged      map[string]bool // fields that a flag gave, even if it emptied them
}

// Component is a component document and the values for its parameters.
type Component struct {
	Document   string // path or s3:// URL
	Parameters []component.Parameter
	At         finding.Position
}

// Publish says how the image becomes an AMI when its bake ends.
type Publish struct {
	Regions   []string `json:"regions,omitempty"`   // empty: the environment's
	ShareWith []string `json:"shareWith,omitempty"` // accounts, by number, and organizational units, by ARN
	Topic     string   `json:"topic,omitempty"`     // ARN; "": no message is sent
}

// At returns the place where a field, or the index-th entry of a list, was given; the file alone if it was not.
func (r *Recipe) At(field string, index int) finding.Position {
	if places := r.positions[field]; index < len(places) {
		return places[index]
	}
	return finding.Position{File: r.File}
}

// Says reports whether the recipe says what a field is to be. A recipe file says so of every field: one that it leaves out
// has its default. Without a file, only the fields that flags give are said.
func (r *Recipe) Says(field string) bool { return r.File != "" || r.flagged[field] }

// Load reads a recipe file, or a script, which stands for a recipe with only a bootstrap. An empty path yields an
// empty recipe, for Override to fill. The recipe is nil if the file is unreadable.
func Load(path string) (*Recipe, finding.List) {
	if path == "" {
		return empty(""), nil
	}
	text, err := read(path)
	if err != nil {
		return nil, finding.List{{
			Code: finding.RecipeFile, Position: finding.Position{File: path}, Message: "read recipe: " + cause(err),
			Right: "name a recipe file or a script",
		}}
	}

	return Parse(path, text)
}

// read reads a file, up to one byte more than the limit. A named pipe without a writer counts as empty: waiting for a
// writer could not be interrupted.
func read(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(file, MaxFile+1))
}

// Parse is Load for text that is already read; path gives the directory and the name.
func Parse(path string, text []byte) (*Recipe, finding.List) {
	if IsScript(path, text) {
		r := empty(path)
		r.Name = nameFrom(path)
		r.Bootstrap = path
		r.positions["bootstrap"] = []finding.Position{{File: path}}
		return r, nil
	}

	b := builder{recipe: empty(path), dir: filepath.Dir(path)}
	b.recipe.Name = nameFrom(path)
	b.readYAML(text)
	return b.recipe, b.found
}

// IsScript separates scripts from recipe files, by the first line or the name.
func IsScript(path string, text []byte) bool {
	return bytes.HasPrefix(text, []byte("#!")) || strings.HasSuffix(path, ".sh")
}

// Complete reports what a bake needs and neither the recipe nor the flags give, and fields that do not go together.
func (r *Recipe) Complete() finding.List {
	found := r.Conflicts()
	if r.Base == "" {
		found = append(found, finding.Finding{
			Code: finding.RecipeBase, Position: finding.Position{File: r.File}, Message: "no base is given",
			Right: "add base: debian:bookworm to the recipe, or --base debian:bookworm to the command",
		})
	}
	return found
}

func empty(file string) *Recipe {
	return &Recipe{File: file, Name: "image", positions: map[string][]finding.Position{}}
}

var notInNames = regexp.MustCompile(`[^-_A-Za-z0-9]+`)

// nameFrom makes an image name of a file name.
func nameFrom(path string) string {
	base := filepath.Base(path)
	name := strings.Trim(notInNames.ReplaceAllString(strings.TrimSuffix(base, filepath.Ext(base)), "-"), "-")
	if len(name) < 3 {
		name = strings.Trim(name+"-image", "-")
	}
	return name[:min(len(name), 128)]
}

// cause is an I/O error without the path, which the sentence already names.
func cause(err error) string {
	if inner, ok := err.(interface{ Unwrap() error }); ok && inner.Unwrap() != nil {
		return fmt.Sprint(inner.Unwrap())
	}
	return err.Error()
}
