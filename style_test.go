package imagebuilder_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// golf names what a statement does besides its own work, by the rules of CONTRIBUTING that no linter has; "" if nothing.
func golf(node ast.Node) string {
	switch n := node.(type) {
	case *ast.AssignStmt:
		if unrelated(n) {
			return "assigns values that have nothing to do with each other: write one assignment a line"
		}
	case *ast.SwitchStmt:
		if n.Init != nil && n.Tag == nil {
			return "has an assignment in the head of a switch without a value: write it above"
		}
	case *ast.ForStmt:
		if n.Init != nil && n.Cond == nil && n.Post == nil {
			return "has only an assignment in the head of a loop: write it above"
		}
	case *ast.IfStmt:
		if _, changes := n.Init.(*ast.IncDecStmt); changes {
			return "changes a variable in the head of an if: write it above"
		}
	case *ast.BinaryExpr:
		if n.Op == token.LOR && (isAnd(n.X) || isAnd(n.Y)) {
			return "mixes && and ||: write parentheses"
		}
	}
	return ""
}

func isAnd(e ast.Expr) bool {
	b, ok := e.(*ast.BinaryExpr)
	return ok && b.Op == token.LAND
}

// unrelated reports whether an assignment is of several values at once and is not an exchange, in which a value on the
// right is assigned to on the left.
func unrelated(a *ast.AssignStmt) bool {
	if len(a.Lhs) < 2 || len(a.Lhs) != len(a.Rhs) {
		return false
	}
	var left []string
	for _, e := range a.Lhs {
		left = append(left, types.ExprString(e))
	}

	exchange := false
	for _, e := range a.Rhs {
		ast.Inspect(e, func(n ast.Node) bool {
			part, ok := n.(ast.Expr)
			exchange = exchange || (ok && slices.Contains(left, types.ExprString(part)))
			return true
		})
	}
	return !exchange
}

func TestStatementsDoOneThing(t *testing.T) {
	t.Parallel()
	eachGoFile(t, func(name string, positions *token.FileSet, file *ast.File) {
		if ast.IsGenerated(file) {
			return
		}
		heads := map[ast.Stmt]bool{} // of loops, which count several things together
		ast.Inspect(file, func(n ast.Node) bool {
			if loop, ok := n.(*ast.ForStmt); ok {
				heads[loop.Init] = true
				heads[loop.Post] = true
			}
			if s, ok := n.(ast.Stmt); ok && heads[s] {
				return true
			}
			if n != nil {
				if why := golf(n); why != "" {
					t.Errorf("%s:%d %s", name, positions.Position(n.Pos()).Line, why)
				}
			}
			return true
		})
	})
}

// The rules themselves see what they are for.
func TestGolfIsSeen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a, b := 1, 2":                 true,
		"a.x, a.y = f(), g()":          true,
		"a, b = b, a":                  false,
		"a, s = s[0], s[1:]":           false,
		"a, b := f()":                  false,
		"for x := 1; ; { _ = x }":      true,
		"for x := 1; x < 2; x++ {}":    false,
		"for i, j := 0, 1; i < j; {}":  false,
		"if n++; n > 1 {}":             true,
		"if err := f(); err != nil {}": false,
		"switch x := f(); {}":          true,
		"switch x := f(); x {}":        false,
		"_ = a && b || c":              true,
		"_ = (a && b) || c":            false,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+text+"\n}", 0)
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", text, err))
		}

		seen := false
		loops := map[ast.Stmt]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			if loop, ok := n.(*ast.ForStmt); ok {
				loops[loop.Init] = true
			}
			if s, ok := n.(ast.Stmt); ok && loops[s] {
				return true
			}
			seen = seen || (n != nil && golf(n) != "")
			return true
		})
		if seen != want {
			t.Errorf("%s: seen is %v", text, seen)
		}
	}
}

// eachGoFile visits the files of the project, tests included.
func eachGoFile(t *testing.T, visit func(name string, positions *token.FileSet, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "build" || (name != "." && strings.HasPrefix(entry.Name(), "."))):
			return filepath.SkipDir
		case entry.IsDir(), !strings.HasSuffix(name, ".go"):
			return nil
		}

		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(name), positions, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
