// Package bootscript reads the shell scripts that an instance runs when it boots, and finds where they would break: a
// variable that a script expands under `set -u` although nothing has set it, and a script that is not in the image.
//
// It follows the scripts in order, as bash would: assignments, read, functions, sourced files, conditions and the
// scripts of the image that a script calls. It decides conditions from known values and follows both branches of any
// other. It never runs anything, and it never reports a variable that an unknown command may have set.
//
// What it cannot see: values that commands print, `eval`, computed names, and the effects of a trap.
package bootscript

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Kind says what is wrong.
type Kind string

// The kinds of problems.
const (
	Unset      Kind = "unset variable"  // expanded under set -u although nothing set it
	Missing    Kind = "missing script"  // called, but not in the image
	Unreadable Kind = "unreadable file" // called, but bash cannot parse it
)

// Problem is a place where a boot breaks.
type Problem struct {
	Kind     Kind   `json:"kind"`
	Script   string `json:"script"` // path in the image, or the name given to Run
	Line     int    `json:"line"`   // from 1
	Variable string `json:"variable,omitempty"`
	Callee   string `json:"callee,omitempty"` // the missing or unreadable script
	// Certain reports whether every boot reaches this line; otherwise a setting or a command decides.
	Certain bool `json:"certain"`
}

// Boot is the boot of an instance from an image.
type Boot struct {
	// Files is the image's tree, without a leading slash. Links are resolved beneath it (os.Root does).
	Files fs.FS
	// Known are the known stack parameters, by their placeholder in the text. A placeholder without a value may stand
	// for any text.
	Known map[string]string
}

// most bounds the size of a script, in bytes.
const most = 1 << 20

// Run follows one script of the user data and returns the problems in the order in which a boot meets them. It
// reports each variable and each script once, at its first place. The error says why bash cannot parse the script
// itself.
func (b Boot) Run(name, text string) ([]Problem, error) {
	r := &run{boot: b, script: name, vars: variables{}, functions: map[string]*syntax.Stmt{}, certain: true, found: &[]Problem{}}
	for _, variable := range []string{"PATH", "HOME", "TERM", "LANG", "USER", "LOGNAME", "SHELL"} {
		r.vars[variable] = value{presence: present, exported: true}
	}

	file, err := parse(text)
	if err != nil {
		return nil, err
	}
	r.start(text)
	r.statements(file.Stmts)

	return *r.found, nil
}

func parse(text string) (*syntax.File, error) {
	return syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
}

// run is the state of one shell.
type run struct {
	boot      Boot
	script    string
	vars      variables
	functions map[string]*syntax.Stmt
	locals    []map[string]value // the values that local variables hide, per function
	nounset   bool
	open      bool // an unknown command may have set any variable
	certain   bool // every boot reaches this point
	depth     int
	found     *[]Problem
}

// start applies the options of a script's first line.
func (r *run) start(text string) {
	first, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(first)
	if !strings.HasPrefix(first, "#!") || len(fields) < 2 {
		return
	}
	for _, field := range fields[1:] {
		if isCluster(field, 'u') {
			r.nounset = true
		}
	}
}

// isCluster reports whether word is a cluster of one-letter options that contains this letter.
func isCluster(word string, letter byte) bool {
	return len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.IndexByte(word[1:], letter) >= 0
}

// report adds a problem, once for each variable or script.
func (r *run) report(p Problem) {
	same := func(q Problem) bool { return q.Kind == p.Kind && q.Variable == p.Variable && q.Callee == p.Callee }
	if i := slices.IndexFunc(*r.found, same); i >= 0 {
		(*r.found)[i].Certain = (*r.found)[i].Certain || p.Certain
		return
	}
	*r.found = append(*r.found, p)
}

// use expands a variable.
func (r *run) use(name string, line uint) value {
	v := r.vars[name]
	if v.presence != absent || r.open || shellSets(name) {
		if v.presence != present {
			v = value{presence: present}
		}
		return v
	}

	if r.nounset {
		r.report(Problem{Kind: Unset, Script: r.script, Line: int(line), Variable: name, Certain: r.certain})
	}

	return value{presence: present, known: true}
}

// call follows an image's script that another script runs, with the exported variables.
func (r *run) call(name string, line uint, extra variables) {
	text, err := r.read(name)
	if errors.Is(err, fs.ErrNotExist) && r.depth == 0 {
		r.report(Problem{Kind: Missing, Script: r.script, Line: int(line), Callee: name, Certain: r.certain})
	}

	if err != nil || !isShell(text) || r.depth > deepest {
		return
	}

	file, err := parse(text)
	if err != nil {
		r.report(Problem{Kind: Unreadable, Script: r.script, Line: int(line), Callee: name, Certain: r.certain})
		return
	}

	child := &run{
		boot: r.boot, script: name, vars: r.vars.exported(extra), functions: map[string]*syntax.Stmt{},
		open: r.open, certain: r.certain, depth: r.depth + 1, found: r.found,
	}
	child.start(text)
	child.statements(file.Stmts)
}

// deepest bounds the nesting of calls.
const deepest = 20

// source follows a file in the same shell.
func (r *run) source(name string) {
	text, err := r.read(name)
	if err != nil || r.depth > deepest {
		r.open = true
		return
	}
	file, err := parse(text)
	if err != nil {
		r.open = true
		return
	}

	script := r.script
	r.script = name
	r.depth++
	r.statements(file.Stmts)
	r.depth--
	r.script = script
}

func (r *run) read(name string) (string, error) {
	if !path.IsAbs(name) || r.boot.Files == nil {
		return "", fs.ErrNotExist
	}
	file, err := r.boot.Files.Open(strings.TrimPrefix(path.Clean(name), "/"))
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read

	return limited(file)
}

// isShell reports whether a file is a script of bash or sh.
func isShell(text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(first, "#!") {
		return false
	}

	for _, field := range strings.Fields(first[2:]) {
		switch path.Base(field) {
		case "bash", "sh", "dash":
			return true
		}
	}

	return false
}
