package bootscript

import "mvdan.cc/sh/v3/syntax"

func (r *run) whileClause(c *syntax.WhileClause) end {
	result, ended := r.condition(c.Cond)
	if ended != goesOn {
		return ended
	}

	if c.Until {
		result = result.not()
	}

	switch result {
	case no:
		return goesOn
	case yes:
		r.statements(c.Do) // at least once; the number is unknown
		return goesOn
	}

	r.either(func() end { return r.statements(c.Do) }, nothing)
	return goesOn
}

func (r *run) forClause(c *syntax.ForClause) {
	switch loop := c.Loop.(type) {
	case *syntax.CStyleLoop:
		r.arithmetic(loop.Init)
		r.arithmetic(loop.Cond)
		r.either(func() end {
			how := r.statements(c.Do)
			r.arithmetic(loop.Post)
			return how
		}, nothing)

	case *syntax.WordIter:
		literal := len(loop.Items) > 0
		for _, item := range loop.Items {
			r.word(item)
			literal = literal && item.Lit() != ""
		}
		body := func() end {
			r.set(loop.Name.Value, value{presence: present})
			return r.statements(c.Do)
		}
		if literal {
			body()
			return
		}
		r.either(body, nothing)
	}
}

func (r *run) caseClause(c *syntax.CaseClause) end {
	text, known := r.word(c.Word)
	var branches []func() end

	everything := false
	for _, item := range c.Items {
		matches := unknown
		for _, pattern := range item.Patterns {
			matches = matches.or(matchPattern(text, known, pattern))
			r.word(pattern)
		}

		body := func() end { return r.statements(item.Stmts) }
		if matches == yes && len(branches) == 0 {
			return body()
		}

		if matches != no {
			branches = append(branches, body)
		}

		everything = everything || matches == yes
	}

	if !everything {
		branches = append(branches, nothing)
	}

	return r.either(branches...)
}
