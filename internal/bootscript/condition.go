package bootscript

import (
	"mvdan.cc/sh/v3/syntax"
)

// truth is the result of a command or condition, as far as it is known.
type truth int

const (
	unknown truth = iota
	yes
	no
)

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// or combines the results of a case's patterns; before the first pattern there is no result.
func (t truth) or(other truth) truth {
	if t == yes || other == yes {
		return yes
	}
	return other
}

func truthOf(holds bool) truth {
	if holds {
		return yes
	}
	return no
}

// test decides a [[ … ]].
func (r *run) test(x syntax.TestExpr) truth {
	switch x := x.(type) {
	case *syntax.ParenTest:
		return r.test(x.X)
	case *syntax.Word:
		text, known := r.word(x)
		return decide(known, text != "")
	case *syntax.UnaryTest:
		return r.unaryTest(x)
	case *syntax.BinaryTest:
		return r.binaryTest(x)
	}

	return unknown
}

func decide(known, holds bool) truth {
	if !known {
		return unknown
	}
	return truthOf(holds)
}

func (r *run) unaryTest(x *syntax.UnaryTest) truth {
	if x.Op == syntax.TsNot {
		return r.test(x.X).not()
	}
	word, ok := x.X.(*syntax.Word)
	if !ok {
		return unknown
	}

	text, known := r.word(word)

	switch x.Op {
	case syntax.TsEmpStr:
		return decide(known, text == "")
	case syntax.TsNempStr:
		return decide(known, text != "")
	case syntax.TsVarSet:
		if !known || r.open || shellSets(text) {
			return unknown
		}
		presence := r.vars[text].presence
		return decide(presence != maybe, presence == present)
	}

	return unknown
}

func (r *run) binaryTest(x *syntax.BinaryTest) truth {
	switch x.Op {
	case syntax.AndTest:
		return r.shortCircuit(x, no)
	case syntax.OrTest:
		return r.shortCircuit(x, yes)
	}

	left, leftKnown := r.testWord(x.X)
	right, rightKnown := r.testWord(x.Y)
	known := leftKnown && rightKnown

	switch x.Op {
	case syntax.TsMatch, syntax.TsMatchShort:
		return decide(known && literal(x.Y), left == right)
	case syntax.TsNoMatch:
		return decide(known && literal(x.Y), left != right)
	}

	return unknown
}

// shortCircuit follows && or ||: the left side ends it if it has the given result.
func (r *run) shortCircuit(x *syntax.BinaryTest, ends truth) truth {
	left := r.test(x.X)
	if left == ends {
		return ends
	}
	if left == ends.not() {
		return r.test(x.Y)
	}

	right := unknown
	r.either(func() end {
		right = r.test(x.Y)
		return goesOn
	}, nothing)
	if right == ends {
		return ends
	}

	return unknown
}

func (r *run) testWord(x syntax.TestExpr) (string, bool) {
	word, ok := x.(*syntax.Word)
	if !ok {
		return "", false
	}
	return r.word(word)
}

// literal reports whether a pattern is plain text, without * ? or [.
func literal(x syntax.TestExpr) bool {
	word, ok := x.(*syntax.Word)
	return ok && plain(word)
}

func plain(word *syntax.Word) bool {
	for _, part := range word.Parts {
		lit, isLit := part.(*syntax.Lit)
		if isLit && containsGlob(lit.Value) {
			return false
		}
		if _, isGlob := part.(*syntax.ExtGlob); isGlob {
			return false
		}
	}
	return true
}

func containsGlob(text string) bool {
	for _, c := range text {
		switch c {
		case '*', '?', '[', '\\':
			return true
		}
	}
	return false
}

// matchPattern reports whether a known text matches a pattern of a case.
func matchPattern(text string, known bool, pattern *syntax.Word) truth {
	if pattern.Lit() == "*" {
		return yes
	}
	if !known || !plain(pattern) {
		return unknown
	}

	fixed, ok := fixedText(pattern.Parts)
	if !ok {
		return unknown
	}

	return truthOf(fixed == text)
}

// fixedText is the text of parts without expansions.
func fixedText(parts []syntax.WordPart) (string, bool) {
	text := ""
	for _, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			text += part.Value
		case *syntax.SglQuoted:
			text += part.Value
		case *syntax.DblQuoted:
			inner, ok := fixedText(part.Parts)
			if !ok {
				return "", false
			}
			text += inner

		default:
			return "", false
		}
	}

	return text, true
}
