package bootscript

import (
	"maps"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

func (v variables) clone() variables { return maps.Clone(v) }

// word expands a word, and returns its text if that is known.
func (r *run) word(word *syntax.Word) (string, bool) {
	if word == nil {
		return "", true
	}
	return r.parts(word.Parts)
}

func (r *run) parts(parts []syntax.WordPart) (string, bool) {
	var text strings.Builder
	known := true
	for _, part := range parts {
		piece, pieceKnown := r.part(part)
		text.WriteString(piece)
		known = known && pieceKnown
	}
	return text.String(), known
}

func (r *run) part(part syntax.WordPart) (string, bool) {
	switch part := part.(type) {
	case *syntax.Lit:
		return r.literal(part.Value)
	case *syntax.SglQuoted:
		return r.literal(part.Value)
	case *syntax.DblQuoted:
		return r.parts(part.Parts)

	case *syntax.ParamExp:
		return r.parameter(part)
	case *syntax.CmdSubst:
		r.apart(func() { r.statements(part.Stmts) })
	case *syntax.ProcSubst:
		r.apart(func() { r.statements(part.Stmts) })

	case *syntax.ArithmExp:
		r.arithmetic(part.X)
	case *syntax.BraceExp:
		for _, element := range part.Elems {
			r.word(element)
		}
	}

	return "", false
}

// literal is a text of the script; it is unknown where it contains a parameter of the stack.
func (r *run) literal(text string) (string, bool) {
	for placeholder, known := range r.boot.Known {
		text = strings.ReplaceAll(text, placeholder, known)
	}
	return text, !strings.Contains(text, Placeholder)
}

// Placeholder stands in user data for a value that only a deployment knows.
const Placeholder = "\ue000"

// parameter expands ${…}.
func (r *run) parameter(p *syntax.ParamExp) (string, bool) {
	if p.Param == nil {
		return "", false
	}
	name := p.Param.Value

	if p.Index != nil {
		return r.element(p, name)
	}
	if p.Names != 0 { // ${!prefix@}: the names of set variables
		return "", false
	}

	if p.Exp != nil {
		if text, known, done := r.withDefault(p, name); done {
			return text, known
		}
	}

	v := r.use(name, p.Pos().Line())
	r.rest(p)

	if p.Exp != nil || p.Slice != nil || p.Repl != nil || p.Length || p.Excl {
		return "", false
	}
	return v.text, v.known
}

// element expands an element of an array, or all of them: all elements of an unset array are not an error in bash.
func (r *run) element(p *syntax.ParamExp, name string) (string, bool) {
	if word, ok := p.Index.(*syntax.Word); ok && (word.Lit() == "@" || word.Lit() == "*") {
		r.rest(p)
		return "", false
	}
	r.arithmetic(p.Index)
	if p.Exp == nil || !takesDefault(p.Exp.Op) {
		r.use(name, p.Pos().Line())
	}
	r.rest(p)
	return "", false
}

// rest expands the text in the braces after the name.
func (r *run) rest(p *syntax.ParamExp) {
	if p.Slice != nil {
		r.arithmetic(p.Slice.Offset)
		r.arithmetic(p.Slice.Length)
	}

	if p.Repl != nil {
		r.word(p.Repl.Orig)
		r.word(p.Repl.With)
	}

	if p.Exp != nil {
		r.word(p.Exp.Word)
	}
}

func takesDefault(op syntax.ParExpOperator) bool {
	switch op {
	case syntax.AlternateUnset, syntax.AlternateUnsetOrNull, syntax.DefaultUnset, syntax.DefaultUnsetOrNull,
		syntax.AssignUnset, syntax.AssignUnsetOrNull:
		return true
	}
	return false
}

// withDefault expands the forms that allow an unset variable; done is false for any other form.
func (r *run) withDefault(p *syntax.ParamExp, name string) (text string, known, done bool) {
	if p.Exp.Op == syntax.ErrorUnset || p.Exp.Op == syntax.ErrorUnsetOrNull {
		return "", false, r.mustBeSet(p, name)
	}
	if !takesDefault(p.Exp.Op) {
		return "", false, false
	}

	stands := r.stands(name, p.Exp.Op)
	if p.Exp.Op == syntax.AlternateUnset || p.Exp.Op == syntax.AlternateUnsetOrNull {
		text, known = r.one(stands.not(), func() (string, bool) { return "", true }, func() (string, bool) { return r.word(p.Exp.Word) })
		return text, known, true
	}

	own := func() (string, bool) { return r.vars[name].text, r.vars[name].known }
	text, known = r.one(stands.not(), func() (string, bool) { return r.word(p.Exp.Word) }, own)

	if p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull {
		r.set(name, value{presence: present, known: known, text: text})
	}

	return text, known, true
}

// mustBeSet is ${NAME:?text}, which itself ends the script.
func (r *run) mustBeSet(p *syntax.ParamExp, name string) bool {
	if r.vars[name].presence == absent && !r.open && !shellSets(name) {
		r.report(Problem{Kind: Unset, Script: r.script, Line: int(p.Pos().Line()), Variable: name, Certain: r.certain})
	}
	return true
}

// stands reports whether the variable's own value is used rather than its default.
func (r *run) stands(name string, op syntax.ParExpOperator) truth {
	v := r.vars[name]
	if r.open || shellSets(name) || v.presence == maybe {
		return unknown
	}
	if v.presence == absent {
		return no
	}

	switch op {
	case syntax.DefaultUnsetOrNull, syntax.AssignUnsetOrNull, syntax.AlternateUnsetOrNull:
		return decide(v.known, v.text != "")
	}

	return yes
}

// one expands the first text if the condition holds, the second if it does not, and both if that is unknown.
func (r *run) one(condition truth, first, second func() (string, bool)) (string, bool) {
	switch condition {
	case yes:
		return first()
	case no:
		return second()
	}

	r.either(func() end {
		first()
		return goesOn
	}, func() end {
		second()
		return goesOn
	})

	return "", false
}

// arithmetic expands an arithmetic expression, in which a bare name is a variable.
func (r *run) arithmetic(x syntax.ArithmExpr) {
	switch x := x.(type) {
	case *syntax.Word:
		if name := x.Lit(); syntax.ValidName(name) {
			r.use(name, x.Pos().Line())
			return
		}
		r.word(x)

	case *syntax.ParenArithm:
		r.arithmetic(x.X)
	case *syntax.UnaryArithm:
		r.arithmetic(x.X)
	case *syntax.BinaryArithm:
		r.binaryArithmetic(x)
	}
}

func (r *run) binaryArithmetic(x *syntax.BinaryArithm) {
	word, isWord := x.X.(*syntax.Word)
	if x.Op == syntax.Assgn && isWord && syntax.ValidName(word.Lit()) {
		r.arithmetic(x.Y)
		r.set(word.Lit(), value{presence: present})
		return
	}
	r.arithmetic(x.X)
	r.arithmetic(x.Y)
}
