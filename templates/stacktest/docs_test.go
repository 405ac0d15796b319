package stacktest_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/preflight"
	"image-builder/internal/testbed/cloudformation/intrinsic"
)

// rows writes the parameters as the documentation lists them, in the order of the console.
func rows(t intrinsic.Template) []string {
	var lines []string
	groups := t.Section("Metadata")["AWS::CloudFormation::Interface"].(map[string]any)["ParameterGroups"].([]any)
	for _, group := range groups {
		for _, name := range group.(map[string]any)["Parameters"].([]any) {
			parameter := t.Section("Parameters")[name.(string)].(map[string]any)
			value := ""
			if text := parameter["Default"]; text != nil && text != "" {
				value = fmt.Sprintf("`%v`", text)
			} else if text == "" {
				value = "blank"
			}
			lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s |", name, value, setBy(name.(string)), parameter["Description"]))
		}
	}

	return lines
}

// setBy says what sets a parameter when a recipe is deployed: a field of the recipe, or else a flag.
func setBy(parameter string) string {
	if field := preflight.Field(parameter); field != "" {
		return "`" + field + ":`"
	}
	return "`" + preflight.Flag(parameter) + "`"
}

// TestTheConsoleShowsSevenParametersFirst holds the form's first group to the published interface: a newcomer fills in these.
func TestTheConsoleShowsSevenParametersFirst(t *testing.T) {
	t.Parallel()
	groups := template(t).Section("Metadata")["AWS::CloudFormation::Interface"].(map[string]any)["ParameterGroups"].([]any)
	seen := map[any]int{}
	for _, group := range groups {
		for _, name := range group.(map[string]any)["Parameters"].([]any) {
			seen[name]++
		}
	}

	first := groups[0].(map[string]any)["Parameters"].([]any)
	for _, name := range first {
		if _, contract := published[name.(string)]; !contract {
			t.Errorf("the first group has %s", name)
		}
	}

	if len(first) != len(published) {
		t.Errorf("the first group has %d parameters, want the %d of the published interface", len(first), len(published))
	}

	for name, times := range seen {
		if times != 1 {
			t.Errorf("%s is shown %d times", name, times)
		}
	}
}

func TestTheDocumentationListsTheParameters(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/05-stack.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "| parameter | default | field or flag | meaning |\n|---|---|---|---|\n")
	table, _, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("docs/05-stack.md has no table of parameters")
	}

	want := rows(template(t))
	if n := len(template(t).Section("Parameters")); n != len(want) {
		t.Errorf("%d parameters, of which the console shows %d: add each to a group in templates/stack.yml's Metadata", n, len(want))
	}
	if diff := cmp.Diff(want, strings.Split(table, "\n")); diff != "" {
		t.Errorf("parameters (-template +docs):\n%s\nthe table would be\n%s", diff, strings.Join(want, "\n"))
	}
}

// onAmazonLinux are packages of the documentation's recipes that Amazon Linux 2023 has in its repositories, as its list of
// packages says. ripgrep, which recipes once showed, is not among them.
// https://docs.aws.amazon.com/linux/al2023/release-notes/all-packages.html
var onAmazonLinux = []string{"jq", "tmux"}

// A recipe that the documentation shows must build on Buildkite's default base.
func TestTheDocumentationsRecipesBuildOnAmazonLinux(t *testing.T) {
	t.Parallel()
	shown := regexp.MustCompile(`(?m)^packages: \[([^]]*)\]|^packages:\n((?:  - .*\n)+)`)
	count := 0

	for _, file := range []string{"../../README.md", "../../docs/01-tour.md", "../../docs/02-recipes.md", "../../docs/05-stack.md", "../../examples/packages/recipe.yml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range shown.FindAllStringSubmatch(string(text), -1) {
			for _, name := range strings.FieldsFunc(list[1]+list[2], func(r rune) bool { return strings.ContainsRune(" ,-\n", r) }) {
				count++
				if !strings.Contains(name, ":") && !slices.Contains(onAmazonLinux, name) {
					t.Errorf("%s shows a recipe with %s, which Amazon Linux 2023 may not have", file, name)
				}
			}
		}
	}

	if count < 6 {
		t.Errorf("only %d packages were looked at", count)
	}
}
