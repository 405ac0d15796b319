package lint

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"image-builder/internal/finding"
)

// hidden searches for the first command whose failure would go unnoticed.
type hidden struct {
	stopped bool // -e is on, or an ERR trap is set, from here
	found   *call
}

// hiddenFailure warns where a command's status is lost: without -e bash continues, and only the last status counts.
func hiddenFailure(sh *shell) (finding.Finding, bool) {
	if sh.file == nil || (!sh.script.commands && shebangStops(sh.script.text)) {
		return finding.Finding{}, false
	}
	h := &hidden{}
	h.statements(sh.file.Stmts, true)
	if h.found == nil {
		return finding.Finding{}, false
	}

	f := warning(finding.HiddenFailure, sh.script.place(h.found.offset), fmt.Sprintf("if `%s` fails, the script goes on and only the status of its last command counts", sh.excerpt(*h.found)),
		"begin the commands with `set -euo pipefail`, or end this one with `|| exit 1`")
	f.Length = len(h.found.name)

	if shebangStops(sh.script.text) {
		f.Right += " (commands run as `bash FILE`: the options on the #! line do not apply)"
	}

	return f, true
}

// shebangStops reports whether the #! line sets -e.
func shebangStops(text string) bool {
	line, _, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(line, "#!") {
		return false
	}
	for _, word := range strings.Fields(line)[1:] {
		if isFlag(word, 'e') {
			return true
		}
	}
	return false
}

// excerpt is a command as it is written, cut after its first line or 40 characters.
func (sh *shell) excerpt(c call) string {
	text := sh.script.text[c.offset:min(c.end, len(sh.script.text))]
	text, _, _ = strings.Cut(text, "\n")
	runes := []rune(strings.TrimSpace(strings.TrimSuffix(text, "\\")))
	if len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return string(runes)
}

func (h *hidden) statements(statements []*syntax.Stmt, last bool) {
	for i, statement := range statements {
		if h.stopped || h.found != nil {
			return
		}
		final := last && i == len(statements)-1
		checked := i+1 < len(statements) && (readsStatus(statements[i+1]) || tests(statements[i+1], statement))
		if statement.Negated || statement.Background || checked {
			continue
		}
		h.command(statement.Cmd, final)
	}
}

func (h *hidden) command(command syntax.Command, last bool) {
	switch command := command.(type) {
	case *syntax.CallExpr:
		h.call(command, last)
	case *syntax.BinaryCmd:
		if command.Op == syntax.Pipe || command.Op == syntax.PipeAll {
			h.command(command.Y.Cmd, last)
		}

	case *syntax.Block:
		h.statements(command.Stmts, last)
	case *syntax.Subshell:
		inner := &hidden{}
		inner.statements(command.Stmts, last)
		h.found = inner.found

	case *syntax.IfClause:
		for clause := command; clause != nil; clause = clause.Else {
			h.statements(clause.Then, last)
		}
	case *syntax.ForClause:
		h.statements(command.Do, last)

	case *syntax.WhileClause:
		h.statements(command.Do, last)
	case *syntax.CaseClause:
		for _, item := range command.Items {
			h.statements(item.Stmts, last)
		}
	}
}

func (h *hidden) call(node *syntax.CallExpr, last bool) {
	c, ok := callOf(node)
	switch {
	case !ok && len(node.Args) == 0 && !last:
		h.assigned(node.Assigns)
	case !ok:
	case stops(c):
		h.stopped = true
	case !last && !isHarmless(c):
		h.found = &c
	}
}

// stops reports whether a failure after this statement ends the script.
func stops(c call) bool {
	switch c.name {
	case "set":
		for i, arg := range c.args {
			if isFlag(arg, 'e') || (arg == "errexit" && i > 0) {
				return true
			}
		}
	case "trap":
		return len(c.args) > 1 && strings.Contains(strings.Join(c.args[1:], " "), "ERR")
	case "exit":
		return true
	}

	return false
}

// readsStatus reports whether a statement looks at $?.
func readsStatus(statement *syntax.Stmt) bool {
	found := false
	syntax.Walk(statement, func(node syntax.Node) bool {
		if p, ok := node.(*syntax.ParamExp); ok && p.Param != nil && p.Param.Value == "?" {
			found = true
		}
		return !found
	})
	return found
}

func isHarmless(c call) bool {
	switch c.name {
	case "echo", "printf", "true", "false", ":", "test", "[", "sleep", "date", "whoami", "id", "uname", "hostname", "pwd",
		"export", "readonly", "local", "declare", "typeset", "unset", "set", "shopt", "alias", "ulimit", "umask", "trap",
		"wait", "kill", "killall", "pkill", "read", "type", "which", "command", "hash", "return", "shift", "break", "continue", "clear", "env",
		"cd", "pushd", "popd", "ls", "cat", "df", "du", "free", "ps", "lsblk", "sync", "touch", "file", "stat", "head", "tail",
		"tee", "wc", "journalctl", "logger", ".", "source":
		return true

	case "mkdir":
		return hasFlag(c, 'p') || hasLong(c, "--parents")
	case "rm":
		return hasFlag(c, 'f') || hasLong(c, "--force")
	case "systemctl":
		return firstWord(c.args) == "status" || firstWord(c.args) == "daemon-reload"
	}

	return strings.HasPrefix(c.name, "$") || hasLong(c, "--version") || strings.Trim(c.name, "x") == ""
}

func hasFlag(c call, letter byte) bool {
	for _, arg := range c.args {
		if isFlag(arg, letter) {
			return true
		}
	}
	return false
}

func hasLong(c call, name string) bool {
	for _, arg := range c.args {
		if arg == name {
			return true
		}
	}
	return false
}

// firstWord returns the first argument that is not an option.
func firstWord(args []string) string {
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			return arg
		}
	}
	return ""
}

func warning(code finding.Code, at finding.Position, message, right string) finding.Finding {
	return finding.Finding{Code: code, Severity: finding.Warning, Position: at, Message: message, Right: right}
}
