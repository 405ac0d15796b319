package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	diff "github.com/google/go-cmp/cmp"

	"image-builder/internal/finding"
	"image-builder/internal/preflight"
	"image-builder/internal/recipe"
	"image-builder/internal/testbed/cloudformation/intrinsic"
	"image-builder/templates"
)

// notOfTheStack are the recipe fields without a stack parameter, each with what deploy does about it.
var notOfTheStack = map[string]string{
	"name":        "what the stack is called, unless --stack says otherwise",
	"timeout":     "a warning: a stack has no such limit",
	"test":        "a warning: a stack tests on instances",
	"boot-budget": "a warning: a stack does not measure boots",
	"prefetch":    "a warning: a stack does not look at what boots read",
	"allow-leak":  "a warning: a stack does not search its AMIs",
	"publish":     "a warning: a stack makes its AMIs itself",
}

func stackParameters(t *testing.T) map[string]any {
	t.Helper()
	text, err := templates.Stack()
	if err != nil {
		t.Fatal(err)
	}
	template, err := intrinsic.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return template.Section("Parameters")
}

// flagsOf lists the flags of a struct that commands embed, and their help.
func flagsOf(t *testing.T, flags any) map[string]string {
	t.Helper()
	parser, err := kong.New(flags, kong.NoDefaultHelp(), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	help := map[string]string{}
	for _, flag := range parser.Model.Flags {
		help[flag.Name] = flag.Help
	}
	return help
}

// TestEachStackParameterIsSetByOneFieldOrFlag compares template, recipe and flags of deploy.
func TestEachStackParameterIsSetByOneFieldOrFlag(t *testing.T) {
	t.Parallel()
	fields := flagsOf(t, &struct{ recipe.Flags }{recipe.NewFlags()})
	flags := flagsOf(t, &struct{ deploySettings }{})

	unused := map[string]bool{}
	for field := range fields {
		unused[field] = notOfTheStack[field] == ""
	}

	parameters := stackParameters(t)
	for name := range parameters {
		field := preflight.Field(name)
		flag := strings.TrimPrefix(preflight.Flag(name), "--")
		_, hasFlag := flags[flag]

		_, isField := fields[field]
		switch {
		case field == "" && !hasFlag:
			t.Errorf("nothing sets %s: give deploySettings (internal/cli/deploy_settings.go) a flag --%s, or name the recipe's field in fields (internal/preflight/wanted.go)", name, flag)
		case field != "" && hasFlag:
			t.Errorf("%s is set by the field %s and by --%s: remove one of them", name, field, flag)
		case field != "" && !isField:
			t.Errorf("%s is to be set by %s, which is not a field of a recipe of a recipe: correct fields (internal/preflight/wanted.go)", name, field)
		}

		delete(unused, field)
		delete(flags, flag)
	}

	for flag := range flags {
		t.Errorf("--%s sets no parameter of the template: remove it from deploySettings (internal/cli/deploy_settings.go), or add the parameter to templates/stack.yml", flag)
	}

	for field, isUnused := range unused {
		if isUnused {
			t.Errorf("the recipe's field %s sets no parameter: name it in fields (internal/preflight/wanted.go), or say in notOfTheStack what deploy does with it", field)
		}
	}
}

// TestDeployTakesThem checks that deploy has these fields and flags.
func TestDeployTakesThem(t *testing.T) {
	t.Parallel()
	parser, err := newParser(&Commands{}, io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]bool{}
	for _, command := range parser.Model.Leaves(true) {
		if command.Name == "deploy" {
			for _, flag := range command.Flags {
				taken[flag.Name] = true
			}
		}
	}

	for name := range stackParameters(t) {
		if flag := cmp.Or(preflight.Field(name), preflight.Flag(name)[2:]); !taken[flag] {
			t.Errorf("deploy has no --%s for %s: embed deploySettings and recipe.Flags in DeployCmd (internal/cli/deploy.go)", flag, name)
		}
	}
}

// TestFlagsSayWhatTheTemplateSays compares the help of each flag with the description of its parameter. Where that names
// parameters, the help names what sets them.
func TestFlagsSayWhatTheTemplateSays(t *testing.T) {
	t.Parallel()
	parameters := stackParameters(t)
	flags := flagsOf(t, &struct{ deploySettings }{})

	word := regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)
	for name, body := range parameters {
		description, _ := body.(map[string]any)["Description"].(string)
		want := word.ReplaceAllStringFunc(strings.TrimPrefix(description, "Optional. "), func(mentioned string) string {
			field := preflight.Field(mentioned)
			switch {
			case parameters[mentioned] == nil:
				return mentioned
			case field != "":
				return "--" + field
			}
			return preflight.Flag(mentioned)
		})
		if help, ok := flags[preflight.Flag(name)[2:]]; ok && help != want {
			t.Errorf("deploySettings (internal/cli/deploy_settings.go): the help of %s should be as templates/stack.yml has it: %q", preflight.Flag(name), want)
		}
	}
}

// TestGivenSettingsHaveTheirParameter gives every flag a value of its own and looks for it.
func TestGivenSettingsHaveTheirParameter(t *testing.T) {
	t.Parallel()
	var command struct{ deploySettings }
	parser, err := kong.New(&command)
	if err != nil {
		t.Fatal(err)
	}

	want := preflight.Settings{}
	args := []string{}
	for name := range stackParameters(t) {
		if preflight.Field(name) == "" {
			want[name] = "value of " + name
			args = append(args, preflight.Flag(name)+"="+want[name])
		}
	}

	if _, err := parser.Parse(nil); err != nil || len(command.given()) > 0 {
		t.Errorf("without flags: %v, %v", command.given(), err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	if found := diff.Diff(want, command.given()); found != "" {
		t.Errorf("settings (-want +got): correct given (internal/cli/deploy_settings.go)\n%s", found)
	}

	if n := reflect.TypeOf(command.deploySettings).NumField(); n != len(want) {
		t.Errorf("%d flags, %d parameters that flags set", n, len(want))
	}
}

// TestDocsNameTheRulesOfAStack compares the table of findings in docs/05-stack.md with the rules.
func TestDocsNameTheRulesOfAStack(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/05-stack.md")
	if err != nil {
		t.Fatal(err)
	}

	lines := strings.Split(string(page), "\n")
	for _, rule := range finding.Rules() {
		if rule.Code < finding.StackName {
			continue // lint's
		}
		if row := fmt.Sprintf("| %s | %s | %s |", rule.Code, rule.Severity, rule.Title); !slices.Contains(lines, row) {
			t.Errorf("docs/05-stack.md lacks this line: %s", row)
		}
	}
}
