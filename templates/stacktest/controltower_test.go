package stacktest_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/cloudformation/intrinsic"
	"image-builder/internal/testbed/venv"
)

// satisfied has, for each control of Control Tower that the defaults break, the parameters that satisfy it.
var satisfied = map[string]map[string]string{
	"CT.EC2.PR.11":          {"SubnetId": "subnet-0123456789abcdef0"},
	"CT.CLOUDWATCH.PR.2":    {"LogRetentionDays": "365"},
	"CT.CLOUDWATCH.PR.3":    {"StackKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/ghi"},
	"CT.STEPFUNCTIONS.PR.1": {"TraceMachines": "true"},
	"CT.STEPFUNCTIONS.PR.2": {"TraceMachines": "true"},
}

// broken returns the controls that a stack breaks, by AWS's own rules, as CloudFormation's hooks see its resources.
func broken(t *testing.T, template intrinsic.Template, given map[string]string) []string {
	t.Helper()
	stack, err := intrinsic.Deploy(template, given)
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range stack.Resources {
		if days, text := resource.Properties["RetentionInDays"].(string); text { // CloudFormation makes a number of it
			resource.Properties["RetentionInDays"], _ = strconv.Atoi(days)
		}
	}

	text, err := json.Marshal(map[string]any{"AWSTemplateFormatVersion": "2010-09-09", "Resources": stack.Resources})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "stack.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}

	program, rules := venv.Guard(t)
	out, err := exec.CommandContext(t.Context(), program, "validate", "-r", rules, "-d", path, "--structured", "-o", "json", "--show-summary", "none").Output()
	const broke = 19 // how cfn-guard ends when a rule is broken
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != broke) {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "step_functions_state_machine_logging_enabled_check") {
		t.Fatalf("cfn-guard did not look at the state machines:\n%.1000s", out)
	}

	found := map[string]bool{}
	for _, match := range regexp.MustCompile(`\[(CT\.[A-Z0-9]+\.PR\.[0-9]+)\]`).FindAllStringSubmatch(string(out), -1) {
		found[match[1]] = true
	}

	return slices.Sorted(maps.Keys(found))
}

// TestControlTowersControlsCanBeSatisfied holds the table of docs/05-stack.md to AWS's rules.
func TestControlTowersControlsCanBeSatisfied(t *testing.T) {
	t.Parallel()
	right := template(t)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(satisfied)), broken(t, right, least())); diff != "" {
		t.Errorf("controls that the defaults break (-listed +found):\n%s", diff)
	}

	all := everything()
	for control, settings := range satisfied {
		given := least()
		maps.Copy(given, settings)
		maps.Copy(all, settings)
		if slices.Contains(broken(t, right, given), control) {
			t.Errorf("%v does not satisfy %s", settings, control)
		}
	}

	if left := broken(t, right, all); len(left) > 0 {
		t.Errorf("with everything set, %v are broken", left)
	}
	wrong := parse(t, edited(t, string(rendered(t)), "      TracingConfiguration: !If [Trace, {Enabled: true}", "      TracingConfiguration: !If [Trace, {Enabled: false}"))
	if !slices.Equal(broken(t, wrong, all), []string{"CT.STEPFUNCTIONS.PR.2"}) {
		t.Error("nothing notices a machine without traces")
	}
}

func TestTheDocumentationListsTheControls(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/05-stack.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "| control | demands | satisfied by |\n|---|---|---|\n")
	table, _, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("docs/05-stack.md has no table of controls")
	}

	rows := map[string]string{}
	for row := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(row, " | ")
		rows[strings.TrimPrefix(cells[0], "| ")] = cells[len(cells)-1]
	}

	if diff := cmp.Diff(slices.Sorted(maps.Keys(satisfied)), slices.Sorted(maps.Keys(rows))); diff != "" {
		t.Errorf("controls (-held +documented):\n%s", diff)
	}
	for control, settings := range satisfied {
		for name := range settings {
			if !strings.HasPrefix(rows[control], "`"+name+"`") {
				t.Errorf("the row of %s does not name %s", control, name)
			}
		}
	}
}
