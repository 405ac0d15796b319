package stacktest_test

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/lint"
	"image-builder/internal/schedule"
	"image-builder/internal/testbed/cloudformation/intrinsic"
	"image-builder/templates"
)

func rendered(t *testing.T) []byte {
	t.Helper()
	text, err := templates.Stack()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func template(t *testing.T) intrinsic.Template {
	t.Helper()
	return parse(t, rendered(t))
}

func parse(t *testing.T, text []byte) intrinsic.Template {
	t.Helper()
	parsed, err := intrinsic.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// least are the parameters that have no default.
func least() map[string]string {
	return map[string]string{"BaseAmiParameter": "base-ami", "OutputAmiParameter": "/buildkite/agent-ami"}
}

func TestTheCommittedTemplateIsTheRenderedOne(t *testing.T) {
	t.Parallel()
	committed, err := os.ReadFile("../aws-stack.yml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, rendered(t)) {
		t.Error("write it again: go run ./cmd/image-builder template >templates/aws-stack.yml")
	}
}

// TestDocumentsAreEmbeddedToTheLetter compares with the very files that a bake on one's own machine runs.
func TestDocumentsAreEmbeddedToTheLetter(t *testing.T) {
	t.Parallel()
	entries, err := templates.Files.ReadDir("components")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	got := map[string]bool{}

	for _, entry := range entries {
		text, err := templates.Files.ReadFile("components/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		want[string(text)] = true
	}

	versions := map[string]bool{}
	for name, body := range template(t).Section("Resources") {
		properties, _ := body.(map[string]any)["Properties"].(map[string]any) // a topic has none
		text, embedded := properties["Data"].(string)
		if !embedded {
			continue
		}
		got[text] = true
		version := properties["Version"].(string)
		if !regexp.MustCompile(`^1\.0\.[0-9]{1,10}$`).MatchString(version) || versions[version] {
			t.Errorf("%s has the version %s: it must be its own", name, version)
		}
		versions[version] = true
	}

	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("documents (-files +template):\n%s", diff)
	}
}

// TestTheTemplateFitsWhereItIsUploaded holds the limit of CloudFormation for a template in S3, which is where the
// console puts it, too.
func TestTheTemplateFitsWhereItIsUploaded(t *testing.T) {
	t.Parallel()
	if n := len(rendered(t)); n > 1_000_000 {
		t.Errorf("the template has %d bytes", n)
	}
}

func TestOurOwnLinterFindsNothing(t *testing.T) {
	t.Parallel()
	if found := lintFaults(t, rendered(t)); len(found) > 0 {
		t.Error(strings.Join(found, "\n"))
	}
}

func lintFaults(t *testing.T, text []byte) []string {
	t.Helper()
	linter := &lint.Linter{Modules: action.All(action.Ports{}), Platform: component.Linux}
	result, err := linter.Text("aws-stack.yml", text)
	if err != nil {
		t.Fatal(err)
	}

	var faults []string
	for _, f := range result.Findings {
		faults = append(faults, f.String())
	}

	return faults
}

// published is the interface that users of the stack rely on: parameters with their defaults, "-" where there is none.
var published = map[string]string{
	"BaseAmiParameter": "-", "OutputAmiParameter": "-", "BootstrapScriptUrl": "", "InstanceType": "t3.large", "SecretsBucket": "",
	"SubnetId": "", "ScheduleExpression": "cron(0 0 * * ? *)",
}

// contractFaults says where the template differs from the published interface.
func contractFaults(t intrinsic.Template) []string {
	var faults []string
	for name, want := range published {
		parameter, ok := t.Section("Parameters")[name].(map[string]any)
		if !ok {
			faults = append(faults, "there is no parameter "+name)
			continue
		}
		got, given := parameter["Default"].(string)
		if !given {
			got = "-"
		}

		if got != want {
			faults = append(faults, name+" has the default "+got)
		}
	}

	for name, body := range t.Section("Parameters") {
		parameter := body.(map[string]any)
		if kind := parameter["Type"].(string); !slices.Contains([]string{"String", "Number", "CommaDelimitedList"}, kind) {
			faults = append(faults, name+" is a "+kind+": read when the stack is updated, not when an image is built")
		}
		if _, isContract := published[name]; !isContract && parameter["Default"] == nil {
			faults = append(faults, name+" has no default: a stack of the seven parameters would not deploy")
		}
	}

	for _, section := range []string{"Transform", "Hooks"} {
		if t[section] != nil {
			faults = append(faults, "a template with "+section+" is not plain CloudFormation")
		}
	}

	for name, body := range t.Section("Resources") {
		if kind := body.(map[string]any)["Type"].(string); strings.HasPrefix(kind, "AWS::Lambda") || strings.HasPrefix(kind, "Custom::") || strings.HasPrefix(kind, "AWS::CloudFormation") {
			faults = append(faults, name+" is a "+kind+": code that needs maintenance")
		}
	}

	faults = append(faults, literals(t.Section("Resources"))...)
	output, _ := t.Section("Outputs")["OutputTopic"].(map[string]any)
	if !cmp.Equal(output["Value"], any(map[string]any{"Ref": "OutputTopic"})) {
		faults = append(faults, "the output OutputTopic is not the topic")
	}

	return faults
}

// literals finds what would hold in one partition only. A document's text is not the template's.
func literals(v any) []string {
	var faults []string

	switch v := v.(type) {
	case string:
		if strings.Contains(v, "arn:aws") || strings.Contains(v, "amazonaws.com.cn") {
			faults = append(faults, v+" exists in one partition only")
		}
	case []any:
		for _, item := range v {
			faults = append(faults, literals(item)...)
		}

	case map[string]any:
		for key, item := range v {
			if key != "Data" {
				faults = append(faults, literals(item)...)
			}
		}
	}

	return faults
}

func TestContract(t *testing.T) {
	t.Parallel()
	for _, fault := range contractFaults(template(t)) {
		t.Error(fault)
	}
}

// TestSchedulesAreRefusedAtOnce compares what the template refuses with what our reader of schedules refuses.
func TestSchedulesAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		"cron(0 0 * * ? *)": true, "cron(0 0 ? * MON-FRI *)": true, "cron(0/15 8-18 ? * 2#1 2026-2030)": true, "cron(5 4 L * ? *)": true, "rate(1 day)": true,
		"rate(12 hours)": true, "cron(0 0 * * *)": false, "0 0 1 * MON *": false, "0 0 * *": false, "cron(0 0 * * * *)": false, "cron(0 0 ? * ? *)": false, "@daily": false, "": false,
		"cron(0 0 * * ? * *)": false, "rate(0 days)": false, "cron(0 0 * * ?)": false,
	} {
		given := least()
		given["ScheduleExpression"] = expression
		_, err := intrinsic.Deploy(template(t), given)
		if deploys := err == nil; deploys != want {
			t.Errorf("%q deploys: %t, want %t (%v)", expression, deploys, want, err)
		}
		if _, err := schedule.Parse(expression, ""); (err == nil) != want {
			t.Errorf("%q is a schedule: %t, the template says %t", expression, err == nil, want)
		}
	}
}

// TestBareSchedulesAreCompleted gives the template what stacks of the first image-builder hold: five or six fields without
// cron( ), which that template put around them.
func TestBareSchedulesAreCompleted(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"0 0 * * ? *": "cron(0 0 * * ? *)", "0 0 * * *": "cron(0 0 * * ? *)", "0 0 * * * *": "cron(0 0 * * ? *)", "30 3 * * MON": "cron(30 3 ? * MON *)",
		"0 0 1 * *": "cron(0 0 1 * ? *)", "0 0 ? * *": "cron(0 0 ? * * *)", "0 0 ? * SUN 2027": "cron(0 0 ? * SUN 2027)", "0 0 L * ?": "cron(0 0 L * ? *)",
		"cron(0 0 ? * SUN *)": "cron(0 0 ? * SUN *)", "rate(1 day)": "rate(1 day)",
	} {
		completed := at(t, deploy(t, with("ScheduleExpression", expression)), "Pipeline/Schedule/ScheduleExpression").(string)
		if completed != want {
			t.Errorf("%q becomes %q, want %q", expression, completed, want)
		}
		if _, err := schedule.Parse(completed, ""); err != nil {
			t.Errorf("%q becomes %q: %v", expression, completed, err)
		}
	}
}

// A stack that is asked for nothing gives its documents no empty value from which they would make a malformed URL.
func TestNoDocumentGetsAnEmptyBucket(t *testing.T) {
	t.Parallel()
	for name, parameters := range map[string]map[string]string{
		"nothing":      least(),
		"secret names": with("SecretNames", "buildkite/key"),
	} {
		recipe := deploy(t, parameters).Resources["Recipe"].Properties
		for _, body := range recipe["Components"].([]any) {
			given, _ := body.(map[string]any)["Parameters"].([]any)
			for _, p := range given {
				parameter := p.(map[string]any)
				value := parameter["Value"].([]any)[0].(string)
				if n := parameter["Name"]; (n == "SecretsBucket" || n == "BootstrapScriptUrl") && !strings.Contains(value, "sthree-none") {
					t.Errorf("%s: %s is %q", name, n, value)
				}
			}
		}
	}
}
