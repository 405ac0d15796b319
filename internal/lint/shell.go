package lint

import (
	"errors"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// call is a command as far as it is known without running it: words that only the shell knows read "$".
type call struct {
	name   string
	args   []string
	offset int
	end    int // offset of the first byte after it
}

// shell is what one pass over a script finds.
type shell struct {
	script  script
	file    *syntax.File
	calls   []call
	writes  []target // redirections into files
	homes   []int    // offsets of $HOME
	tildes  []int    // offsets of words that begin with the ~ of one's own home
	setsAt  int      // offset of the first HOME=, -1 for none
	tracing int      // offset of set -x, -1 for none
	invalid *fault
}

// fault is the reason why bash cannot parse a script.
type fault struct {
	text   string
	offset int
}

func faultOf(err error) *fault {
	var parse syntax.ParseError
	var language syntax.LangError
	switch {
	case errors.As(err, &parse):
		return &fault{parse.Text, int(parse.Pos.Offset())}
	case errors.As(err, &language):
		return &fault{language.Feature + " is not bash", int(language.Pos.Offset())}
	}
	return &fault{err.Error(), 0}
}

// target is a file that a redirection writes.
type target struct {
	path   string
	offset int
}

// read parses a script and collects what the hazards need.
func (l *Linter) read(s script) *shell {
	sh := &shell{script: s, setsAt: -1, tracing: -1}
	text := validUTF8(s.text)
	parser := syntax.NewParser(syntax.Variant(syntax.LangBash))
	file, err := parser.Parse(strings.NewReader(text), "")
	if err != nil {
		file, err = parser.Parse(strings.NewReader(plainIndexes(text)), "")
	}

	if err != nil {
		sh.invalid = faultOf(err)
		return sh
	}
	sh.file = file
	syntax.Walk(file, func(node syntax.Node) bool { sh.visit(node); return true })

	return sh
}

func (sh *shell) visit(node syntax.Node) {
	switch node := node.(type) {
	case *syntax.CallExpr:
		sh.visitCall(node)
	case *syntax.DeclClause:
		for _, assign := range node.Args {
			sh.visitAssign(assign)
		}

	case *syntax.Redirect:
		if node.Word != nil && strings.HasPrefix(node.Op.String(), ">") {
			sh.writes = append(sh.writes, target{wordText(node.Word), int(node.Word.Pos().Offset())})
		}
	case *syntax.Word:
		if lit, ok := node.Parts[0].(*syntax.Lit); ok && (strings.HasPrefix(lit.Value, "~/") || (lit.Value == "~" && len(node.Parts) == 1)) {
			sh.tildes = append(sh.tildes, int(node.Pos().Offset()))
		}

	case *syntax.ParamExp:
		if node.Param != nil && node.Param.Value == "HOME" && !hasDefault(node) {
			sh.homes = append(sh.homes, int(node.Pos().Offset()))
		}
	}
}

func hasDefault(p *syntax.ParamExp) bool {
	if p.Exp == nil {
		return p.Length || p.IsSet
	}
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull,
		syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
		return true
	}
	return false
}

func (sh *shell) visitCall(node *syntax.CallExpr) {
	for _, assign := range node.Assigns {
		sh.visitAssign(assign)
	}

	c, ok := callOf(node)
	if !ok {
		return
	}
	sh.calls = append(sh.calls, c)
	if sh.tracing < 0 && traces(c) {
		sh.tracing = c.offset
	}
}

func (sh *shell) visitAssign(assign *syntax.Assign) {
	if assign.Name != nil && assign.Name.Value == "HOME" && sh.setsAt < 0 {
		sh.setsAt = int(assign.Pos().Offset())
	}
}

// wrappers run the command that follows them; true: their options may take a value.
var wrappers = map[string]string{
	"sudo": "ugpCRTDhrt", "env": "uSC", "nohup": "", "time": "fo", "command": "", "exec": "a", "nice": "n", "ionice": "cn", "timeout": "ks", "builtin": "", "eatmydata": "",
}

func callOf(node *syntax.CallExpr) (call, bool) {
	var words []string
	for _, word := range node.Args {
		words = append(words, wordText(word))
	}

	for len(words) > 0 {
		options, wraps := wrappers[words[0]]
		if !wraps {
			break
		}
		words = skipOptions(words[1:], options, words[0] == "timeout")
	}

	if len(words) == 0 {
		return call{}, false
	}
	name := words[0][strings.LastIndexByte(words[0], '/')+1:]
	return call{name: name, args: words[1:], offset: int(node.Args[0].Pos().Offset()), end: int(node.End().Offset())}, true
}

// skipOptions drops a wrapper's own options and assignments.
func skipOptions(words []string, valued string, duration bool) []string {
	for len(words) > 0 {
		word := words[0]
		switch {
		case len(word) == 2 && word[0] == '-' && strings.Contains(valued, word[1:]):
			words = words[min(2, len(words)):]
		case strings.HasPrefix(word, "-") || isAssignment(word):
			words = words[1:]
		case duration:
			duration, words = false, words[1:]
		default:
			return words
		}
	}

	return nil
}

func isAssignment(word string) bool {
	name, _, found := strings.Cut(word, "=")
	return found && syntax.ValidName(name)
}

// wordText is a word's text; a word that only the shell knows reads "$".
func wordText(word *syntax.Word) string {
	var text strings.Builder
	for _, part := range word.Parts {
		writePart(&text, part)
	}
	return text.String()
}

func writePart(text *strings.Builder, part syntax.WordPart) {
	switch part := part.(type) {
	case *syntax.Lit:
		text.WriteString(part.Value)
	case *syntax.SglQuoted:
		text.WriteString(part.Value)
	case *syntax.DblQuoted:
		for _, inner := range part.Parts {
			writePart(text, inner)
		}

	case *syntax.ParamExp:
		text.WriteByte('$')
		if part.Param != nil {
			text.WriteString(part.Param.Value)
		}

	default:
		text.WriteByte('$')
	}
}

// traces reports whether a call makes bash print the commands it runs.
func traces(c call) bool {
	if c.name != "set" && c.name != "bash" && c.name != "sh" {
		return false
	}

	for i, arg := range c.args {
		if (arg == "xtrace" && i > 0 && c.args[i-1] == "-o") || isFlag(arg, 'x') {
			return true
		}
		if !strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "+") {
			return false
		}
	}

	return false
}

// isFlag reports whether arg is a cluster of one-letter options that contains this letter.
func isFlag(arg string, letter byte) bool {
	return len(arg) > 1 && arg[0] == '-' && arg[1] != '-' && strings.IndexByte(arg[1:], letter) >= 0
}
