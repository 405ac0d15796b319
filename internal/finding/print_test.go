package finding

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// source has a tab, wide runes, a control character and a line longer than a terminal.
const source = "name: x\n\tkey: v\nünï: 日本語 bad\n" + "evil: \x1b[31m red\nend"

func samples() (List, Sources) {
	at := func(line, column int) Position { return Position{File: "a b/recipe.yml", Line: line, Column: column} }
	list := List{
		{Code: RecipeName, Position: at(1, 7), Length: 1, Message: `"x" is not an image name`, Right: "write agent-linux"},
		{Code: UnknownKey, Position: at(2, 2), Length: 3, Message: "after a tab"},
		{Code: HiddenFailure, Severity: Warning, Position: at(3, 10), Length: 3, Message: "after wide runes: 100%", Right: "a\nb"},
		{Code: HiddenFailure, Severity: Warning, Position: at(3, 6), Length: 3, Message: "wide runes"},
		{Code: Syntax, Position: at(4, 7), Length: 1, Message: "control \x1b[31m character"},
		{Code: Syntax, Position: at(5, 4), Message: "at the end of a line"},
		{Code: Syntax, Position: at(6, 150), Length: 4, Message: "far to the right"},
		{Code: Syntax, Position: at(99, 1), Message: "a line that does not exist"},
		{Code: RecipeBase, Position: Position{File: "--base"}, Message: "no place"},
	}

	text := source + "\n" + strings.Repeat("0123456789", 14) + "123456789here" + strings.Repeat(" and so on", 20)
	return list, func(file string) []byte {
		if file == "--base" {
			return nil
		}
		return []byte(text)
	}
}

func TestPrinters(t *testing.T) {
	t.Parallel()
	list, sources := samples()

	var text, plain, sarif, github, none bytes.Buffer
	for _, err := range []error{
		WriteText(&text, list, sources), WriteJSON(&plain, list), WriteSARIF(&sarif, list), WriteGitHub(&github, list), WriteJSON(&none, nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}

	if strings.ContainsRune(text.String(), '\x1b') {
		t.Error("a file's control characters reach the terminal")
	}
	if none.String() != "[]\n" {
		t.Errorf("no findings are %q", none.String())
	}

	for name, got := range map[string]string{"text": text.String(), "json": plain.String(), "sarif": sarif.String(), "github": github.String()} {
		path := filepath.Join("testdata", "findings."+name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}

		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (go test -update accepts it):\n%s", path, diff)
		}
	}

	var log sarifLog
	if err := json.Unmarshal(sarif.Bytes(), &log); err != nil || len(log.Runs[0].Results) != len(list) {
		t.Error(err)
	}
}

func TestRulesAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[Code]string{}
	for _, rule := range Rules() {
		if other, twice := seen[rule.Code]; twice || rule.Title == "" {
			t.Errorf("%s stands for %q and %q", rule.Code, other, rule.Title)
		}
		seen[rule.Code] = rule.Title
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"base", "git-mirrors", "packages", "secrets"}
	for word, want := range map[string]string{
		"bsae": "base", "GitMirrors": "git-mirrors", "package": "packages", "x": "", "colour": "", "secret": "secrets", "": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
