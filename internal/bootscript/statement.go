package bootscript

import (
	"mvdan.cc/sh/v3/syntax"
)

// end says how a list of statements ends.
type end int

const (
	goesOn  end = iota
	returns     // from its function
	exits       // the shell
)

// statements follows a list and reports how it ends.
func (r *run) statements(list []*syntax.Stmt) end {
	for _, statement := range list {
		if _, ended := r.statement(statement); ended != goesOn {
			return ended
		}
	}
	return goesOn
}

// statement follows one statement, and returns whether it succeeds if that is known.
func (r *run) statement(s *syntax.Stmt) (truth, end) {
	for _, redirect := range s.Redirs {
		r.redirect(redirect)
	}

	if s.Cmd == nil {
		return yes, goesOn
	}

	if s.Background {
		r.apart(func() { r.command(s.Cmd) })
		return yes, goesOn
	}
	result, ended := r.command(s.Cmd)

	if s.Negated {
		result = result.not()
	}

	return result, ended
}

func (r *run) redirect(redirect *syntax.Redirect) {
	if redirect.Word != nil && redirect.Hdoc == nil {
		r.word(redirect.Word)
	}
	if redirect.Hdoc != nil {
		r.word(redirect.Hdoc)
	}
}

func (r *run) command(command syntax.Command) (truth, end) {
	switch c := command.(type) {
	case *syntax.CallExpr:
		return r.callExpr(c)
	case *syntax.DeclClause:
		r.declare(c)
	case *syntax.IfClause:
		return unknown, r.ifClause(c)

	case *syntax.BinaryCmd:
		return r.binary(c)
	case *syntax.Block:
		return unknown, r.statements(c.Stmts)
	case *syntax.FuncDecl:
		if c.Name != nil {
			r.functions[c.Name.Value] = c.Body
		}

	case *syntax.TestClause:
		return r.test(c.X), goesOn
	case *syntax.CaseClause:
		return unknown, r.caseClause(c)
	case *syntax.ForClause:
		r.forClause(c)

	case *syntax.WhileClause:
		return unknown, r.whileClause(c)
	case *syntax.Subshell:
		r.apart(func() { r.statements(c.Stmts) })
	case *syntax.ArithmCmd:
		r.arithmetic(c.X)

	case *syntax.LetClause:
		for _, x := range c.Exprs {
			r.arithmetic(x)
		}
	case *syntax.TimeClause:
		if c.Stmt != nil {
			return r.statement(c.Stmt)
		}

	case *syntax.CoprocClause:
		r.apart(func() { r.statement(c.Stmt) })
	}

	return unknown, goesOn
}

// apart follows what runs in a subshell, whose assignments are lost.
func (r *run) apart(follow func()) {
	vars := r.vars
	nounset := r.nounset
	locals := r.locals
	r.vars = vars.clone()
	r.locals = nil
	follow()

	r.vars = vars
	r.nounset = nounset
	r.locals = locals
}

// either follows a branch that may run; a variable that it assigns is surely set only if the other branch assigns it
// too.
func (r *run) either(branches ...func() end) end {
	before := r.vars
	certain := r.certain
	r.certain = false

	var after variables
	ended := exits
	for _, branch := range branches {
		r.vars = before.clone()
		how := branch()
		ended = min(ended, how)
		switch {
		case how != goesOn:
		case after == nil:
			after = r.vars
		default:
			after = join(after, r.vars)
		}
	}

	r.certain = certain
	r.vars = before

	if after != nil {
		r.vars = after
	}

	return ended
}

func nothing() end { return goesOn }

func (r *run) ifClause(c *syntax.IfClause) end {
	if len(c.Cond) == 0 { // else
		return r.statements(c.Then)
	}
	result, ended := r.condition(c.Cond)
	if ended != goesOn {
		return ended
	}

	otherwise := func() end {
		if c.Else == nil {
			return goesOn
		}
		return r.ifClause(c.Else)
	}

	switch result {
	case yes:
		return r.statements(c.Then)
	case no:
		return otherwise()
	}

	return r.either(func() end { return r.statements(c.Then) }, otherwise)
}

// condition follows the list of a condition; its last statement decides.
func (r *run) condition(list []*syntax.Stmt) (truth, end) {
	result := unknown
	for _, s := range list {
		var ended end
		result, ended = r.statement(s)
		if ended != goesOn {
			return result, ended
		}
	}
	return result, goesOn
}

func (r *run) binary(c *syntax.BinaryCmd) (truth, end) {
	if c.Op == syntax.Pipe || c.Op == syntax.PipeAll {
		r.apart(func() { r.statement(c.X) })
		r.apart(func() { r.statement(c.Y) })
		return unknown, goesOn
	}

	left, ended := r.statement(c.X)
	if ended != goesOn {
		return left, ended
	}
	goOn := yes // the left side's result that makes the right side run

	if c.Op == syntax.OrStmt {
		goOn = no
	}

	if left == goOn {
		return r.statement(c.Y)
	}
	if left != unknown {
		return left, goesOn
	}

	return unknown, r.either(func() end {
		_, how := r.statement(c.Y)
		return how
	}, nothing)
}
