package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/fault"
	"image-builder/internal/finding"
	"image-builder/internal/lint"
	"image-builder/internal/recipe"
)

// LintCmd checks files without running anything.
type LintCmd struct {
	Format     string   `help:"How findings are printed: text, json, sarif or github." enum:"text,json,sarif,github" default:"text"`
	Platform   string   `help:"Platform that documents must work on: Linux, Windows or macOS." enum:",Linux,Windows,macOS" default:"" placeholder:"PLATFORM"`
	ErrorsOnly bool     `help:"Leave warnings out."`
	Files      []string `arg:"" name:"file" help:"Recipes, component documents, CloudFormation templates, scripts; directories of them; - for stdin."`
}

// Help explains the exit status.
func (c *LintCmd) Help() string {
	return `Exit status: 0 nothing found, 1 something found, 2 a file cannot be read or is nothing that can be checked.

Examples:
  image-builder lint recipe.yml components/
  image-builder lint --format github --errors-only .`
}

// linted is the result for all files.
type linted struct {
	files    int
	walked   bool // a directory was among them
	skipped  int  // YAML and JSON files of directories that are something else
	texts    map[string][]byte
	found    finding.List
	seen     map[finding.Finding]bool
	unusable []error
}

// Run checks the files and prints the findings.
func (c *LintCmd) Run(ctx context.Context, env *Env) error {
	linter := &lint.Linter{Modules: action.All(action.Ports{}), Platform: component.Platform(c.Platform)}
	all := &linted{texts: map[string][]byte{}, seen: map[finding.Finding]bool{}}
	for _, path := range c.Files {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("lint: %w", err)
		}
		c.lint(linter, env, path, all)
	}

	if c.ErrorsOnly {
		all.found = slices.DeleteFunc(all.found, func(f finding.Finding) bool { return f.Severity != finding.Error })
	}

	if err := c.print(env, all); err != nil {
		return err
	}
	return all.conclude(env)
}

func (c *LintCmd) lint(linter *lint.Linter, env *Env, path string, all *linted) {
	if path == "-" {
		text, err := io.ReadAll(io.LimitReader(env.Stdin, recipe.MaxFile))
		if err == nil {
			err = all.add(linter, path, text)
		}
		all.unusable = appendError(all.unusable, err)
		return
	}

	if info, err := os.Stat(path); err == nil && info.IsDir() {
		all.unusable = appendError(all.unusable, all.walk(linter, path))
		return
	}
	text, err := lint.Read(path)
	if err == nil {
		err = all.add(linter, path, text)
	}

	all.unusable = appendError(all.unusable, err)
}

func appendError(list []error, err error) []error {
	if err == nil {
		return list
	}
	return append(list, err)
}

func (all *linted) add(linter *lint.Linter, path string, text []byte) error {
	result, err := linter.Text(path, text)
	if err != nil {
		return err
	}
	all.files++
	all.texts[path] = text
	for _, f := range result.Findings {
		if !all.seen[f] { // a document may be checked for a recipe, and again by itself
			all.seen[f] = true
			all.found = append(all.found, f)
		}
	}

	return nil
}

// walk checks those files of a directory that are surely of our kinds, and skips the others.
func (all *linted) walk(linter *lint.Linter, dir string) error {
	all.walked = true
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != dir && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		if !entry.Type().IsRegular() || !slices.Contains([]string{".yml", ".yaml", ".json"}, filepath.Ext(path)) {
			return nil
		}

		text, err := lint.Read(path)
		if err != nil || !lint.Certain(lint.KindOf(path, text), text) {
			all.skipped++
			return nil
		}

		return all.add(linter, path, text)
	})
	if err != nil {
		return fmt.Errorf("lint: %w", err)
	}

	return nil
}

func (c *LintCmd) print(env *Env, all *linted) error {
	format := c.Format
	if env.JSON {
		format = "json"
	}

	switch format {
	case "json":
		return finding.WriteJSON(env.Stdout, all.found)
	case "sarif":
		return finding.WriteSARIF(env.Stdout, all.found)
	case "github":
		return finding.WriteGitHub(env.Stdout, all.found)
	}

	return finding.WriteText(env.Stdout, all.found, all.source)
}

// source returns the text of a checked file, or of a file that a checked recipe names.
func (all *linted) source(file string) []byte {
	text, known := all.texts[file]
	if !known {
		text, _ = lint.Read(file)
		all.texts[file] = text
	}
	return text
}

// conclude prints the summary and turns the findings into the exit status.
func (all *linted) conclude(env *Env) error {
	faults := all.found.Errors()
	looked := count(all.files, "file") + " checked"

	if all.walked {
		looked = fmt.Sprintf("%s, %d skipped", looked, all.skipped)
	}

	fmt.Fprintf(env.Stderr, "%s: %s, %s\n", looked, count(faults, "error"), count(len(all.found)-faults, "warning"))
	if len(all.unusable) > 0 {
		return fault.New(fault.BadInput, errors.Join(all.unusable...), "")
	}
	if len(all.found) > 0 {
		return &saidError{class: fault.Failed}
	}

	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
