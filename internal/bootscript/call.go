package bootscript

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// set assigns a variable; an exported variable stays exported.
func (r *run) set(name string, v value) {
	v.exported = v.exported || r.vars[name].exported
	r.vars[name] = v
}

// assign follows NAME=value and returns the assigned value.
func (r *run) assign(a *syntax.Assign) value {
	text, known := r.word(a.Value)

	if a.Array != nil {
		for _, element := range a.Array.Elems {
			r.arithmetic(element.Index)
			r.word(element.Value)
		}
		known = false
	}

	r.arithmetic(a.Index)

	if a.Append || a.Index != nil {
		text = ""
		known = false
	}

	return value{presence: present, known: known, text: text}
}

// declare follows declare, local, export, readonly and typeset.
func (r *run) declare(c *syntax.DeclClause) {
	exports := c.Variant.Value == "export"
	for _, a := range c.Args {
		if a.Name == nil {
			text, known := r.word(a.Value)
			exports = exports || isCluster(text, 'x')
			r.open = r.open || (!known && !strings.HasPrefix(text, "-")) // a computed name
			continue
		}
		r.declareOne(a, c.Variant.Value == "local", exports)
	}
}

func (r *run) declareOne(a *syntax.Assign, local, exports bool) {
	name := a.Name.Value
	before := r.vars[name]
	next := before

	if local && len(r.locals) > 0 {
		hidden := r.locals[len(r.locals)-1]
		if _, again := hidden[name]; !again {
			hidden[name] = before
			next = value{}
		}
	}

	if !a.Naked {
		next = r.assign(a)
	}

	next.exported = exports || next.exported
	r.vars[name] = next
}

func (r *run) callExpr(c *syntax.CallExpr) (truth, end) {
	assigned := variables{}
	for _, a := range c.Assigns {
		v := r.assign(a)
		if len(c.Args) == 0 {
			r.set(a.Name.Value, v)
			continue
		}
		v.exported = true
		assigned[a.Name.Value] = v
	}

	if len(c.Args) == 0 {
		return unknown, goesOn
	}

	var words []string
	for _, arg := range c.Args {
		text, known := r.word(arg)
		if !known {
			text = Placeholder
		}
		words = append(words, text)
	}

	return r.invoke(words, c, assigned)
}

// invoke follows a command by its name.
func (r *run) invoke(words []string, c *syntax.CallExpr, assigned variables) (truth, end) {
	line := c.Args[0].Pos().Line()
	name := words[0]
	if body := r.functions[name]; body != nil {
		return unknown, r.function(body, assigned)
	}

	switch name {
	case "true", ":":
		return yes, goesOn
	case "false":
		return no, goesOn
	case "exit":
		return unknown, exits

	case "exec":
		if len(words) > 1 {
			r.script0(words[1:], line, assigned)
			return unknown, exits
		}

	case "return":
		return unknown, returns
	case "set":
		r.options(words[1:])
	case "unset":
		r.unset(words[1:])

	case "source", ".":
		if len(words) > 1 {
			r.source(words[1])
		}
	case "eval":
		r.open = true

	case "[", "test":
		return r.oldTest(words[1:]), goesOn
	case "read", "mapfile", "readarray", "printf", "getopts":
		r.input(name, words[1:])
	default:
		r.script0(words, line, assigned)
	}

	return unknown, goesOn
}

// script0 follows a script of the image that is called by its path or by a shell.
func (r *run) script0(words []string, line uint, assigned variables) {
	if base := path.Base(words[0]); (base == "bash" || base == "sh" || base == "sudo" || base == "env") && len(words) > 1 {
		rest := slices.DeleteFunc(slices.Clone(words[1:]), func(w string) bool { return strings.HasPrefix(w, "-") })
		if len(rest) > 0 && path.IsAbs(rest[0]) {
			words = rest
		}
	}
	if path.IsAbs(words[0]) && !strings.Contains(words[0], Placeholder) {
		r.call(words[0], line, assigned)
	}
}

// function follows the body of a function, and drops its local variables.
func (r *run) function(body *syntax.Stmt, assigned variables) end {
	if r.depth > deepest {
		r.open = true
		return goesOn
	}

	for name, v := range assigned {
		r.set(name, v)
	}

	hidden := map[string]value{}
	r.locals = append(r.locals, hidden)
	r.depth++
	_, ended := r.statement(body)
	r.depth--
	r.locals = r.locals[:len(r.locals)-1]
	for name, v := range hidden {
		r.vars[name] = v
	}

	if ended == returns {
		return goesOn
	}
	return ended
}

// options follows set.
func (r *run) options(words []string) {
	for i, word := range words {
		on := strings.HasPrefix(word, "-")
		off := strings.HasPrefix(word, "+")
		if !on && !off {
			continue
		}
		if isCluster("-"+word[1:], 'u') {
			r.nounset = on
		}
		if isCluster("-"+word[1:], 'o') && i+1 < len(words) && words[i+1] == "nounset" {
			r.nounset = on
		}
	}
}

func (r *run) unset(names []string) {
	for _, name := range names {
		delete(r.vars, name)
	}
}

// input follows commands that assign the variables named by their arguments.
func (r *run) input(name string, words []string) {
	set := func(variable string) {
		if syntax.ValidName(variable) {
			r.set(variable, value{presence: present})
		}
	}

	switch name {
	case "printf":
		if len(words) > 1 && words[0] == "-v" {
			set(words[1])
		}
		return
	case "getopts":
		set("OPTARG")
	case "read":
		set("REPLY")
	case "mapfile", "readarray":
		set("MAPFILE")
	}

	for _, word := range words {
		set(word)
	}
}

// oldTest decides [ … ] if it compares texts.
func (r *run) oldTest(words []string) truth {
	if n := len(words); n > 0 && words[n-1] == "]" {
		words = words[:n-1]
	}

	if len(words) > 0 && words[0] == "!" {
		return r.oldTest(words[1:]).not()
	}
	if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, Placeholder) }) {
		return unknown
	}

	switch {
	case len(words) == 2 && words[0] == "-n":
		return truthOf(words[1] != "")
	case len(words) == 2 && words[0] == "-z":
		return truthOf(words[1] == "")
	case len(words) == 3 && (words[1] == "=" || words[1] == "=="):
		return truthOf(words[0] == words[2])
	case len(words) == 3 && words[1] == "!=":
		return truthOf(words[0] != words[2])
	}

	return unknown
}
