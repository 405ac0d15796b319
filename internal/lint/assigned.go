package lint

import "mvdan.cc/sh/v3/syntax"

// assigned looks into X=$(command): it ends with the status of the command, which is lost when another one follows.
func (h *hidden) assigned(assigns []*syntax.Assign) {
	for _, assign := range assigns {
		if assign.Value != nil {
			syntax.Walk(assign.Value, h.substituted)
		}
	}
}

// substituted looks into a command substitution, and reports whether to look further.
func (h *hidden) substituted(node syntax.Node) bool {
	substitution, ok := node.(*syntax.CmdSubst)
	if !ok || h.found != nil {
		return h.found == nil
	}

	inner := &hidden{}
	inner.statements(substitution.Stmts, false)

	if inner.found != nil && !isFilter(*inner.found) {
		h.found = inner.found
	}

	return false
}

// isFilter reports whether a command only looks something up or changes text: its failure shows as an empty value.
func isFilter(c call) bool {
	switch c.name {
	case "awk", "sed", "grep", "egrep", "cut", "tr", "sort", "uniq", "basename", "dirname", "readlink", "realpath", "nproc", "arch", "seq", "expr", "find",
		"getent", "mktemp", "lsb_release", "rpm", "dpkg", "dpkg-query", "getconf", "jq", "python", "python3", "perl", "xargs", "rev", "bc", "sha256sum", "md5sum", "git":
		return true
	}
	return false
}

// tests reports whether a statement is a test that names what the one before it assigned.
func tests(statement, before *syntax.Stmt) bool {
	assignment, ok := before.Cmd.(*syntax.CallExpr)
	if !ok || len(assignment.Args) > 0 {
		return false
	}
	names := map[string]bool{}
	for _, assign := range assignment.Assigns {
		if assign.Name != nil {
			names[assign.Name.Value] = true
		}
	}

	found := false

	if looked := condition(statement.Cmd); looked != nil {
		syntax.Walk(looked, func(node syntax.Node) bool {
			if p, ok := node.(*syntax.ParamExp); ok && p.Param != nil {
				found = found || names[p.Param.Value]
			}
			return !found
		})
	}

	return found
}

// condition returns what a command decides by; nil if it decides nothing.
func condition(command syntax.Command) syntax.Node {
	switch command := command.(type) {
	case *syntax.IfClause:
		return command.Cond[0]
	case *syntax.BinaryCmd:
		return command.X
	case *syntax.CaseClause:
		return command.Word
	}
	return nil
}
