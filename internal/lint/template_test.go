package lint

import (
	"strings"
	"testing"
)

const templateHead = `AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Tool:
    Type: AWS::ImageBuilder::Component
    Properties:
      Name: tool
      Version: 1.0.0
      Platform: Linux
`

func TestTemplates(t *testing.T) {
	t.Parallel()
	const bad = "schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: A\n        action: ExecuteBsh\n        inputs: {commands: [ls]}\n"
	oneLine := strings.ReplaceAll(strings.ReplaceAll(bad, `"`, `\"`), "\n", `\n`)
	tests := []struct{ name, text, want string }{
		{"literal block", templateHead + "      Data: |\n" + indent(bad, 8), "15:25 IB107"},
		{"Sub block with blank lines first", templateHead + "      Data: !Sub |\n\n\n" + indent(bad, 8), "17:25 IB107"},
		{"Fn::Sub", templateHead + "      Data:\n        Fn::Sub: |\n" + indent(bad, 10), "16:27 IB107"},
		{"Sub list", templateHead + "      Data: !Sub\n        - |\n" + indent(bad, 10) + "        - {}\n", "16:27 IB107"},
		{"double-quoted", templateHead + `      Data: "` + oneLine + "\"\n", "9:105 IB107"},
		{"JSON", `{"Resources":{"A":{"Type":"AWS::ImageBuilder::Component","Properties":{"Name":"tool","Version":"1.0.0","Platform":"Linux","Data":"` + oneLine + `"}}}}`, "1:222 IB107"},
		{"JSON with tabs", "{\n\t\"Resources\": {\n\t\t\"A\": {\"Type\": \"AWS::ImageBuilder::Component\", \"Properties\": {\"Name\": \"tool\", \"Version\": \"1.0.0\", \"Platform\": \"Linux\", \"Data\": \"schemaVersion: 1.0\"}}}}", "3:130 IB102"},
		{"Join", templateHead + "      Data: !Join\n        - \"\\n\"\n        - - \"schemaVersion: 1.0\"\n          - \"phases:\"\n          - \"  - name: build\"\n          - \"    steps:\"\n          - \"      - {name: A, action: ExecuteBsh, inputs: {commands: [ls]}}\"\n", "15:40 IB107"},
		{"what a deployment fills in is not a fault", templateHead + "      Data: !Sub |\n" + indent(strings.Replace(bad, "ExecuteBsh", "${Action}", 1), 8), ""},
		{"a fault beside what is filled in", templateHead + "      Data: !Sub |\n" + indent(strings.Replace(bad, "name: A", "name: ${AWS::Region}", 1), 8), "15:25 IB107"},
		{"a literal ${!} is text", templateHead + "      Data: !Sub |\n" + indent(strings.Replace(strings.Replace(bad, "ExecuteBsh", "ExecuteBash", 1), "ls", "'ls ${!HOME}'", 1), 8), "16:41 IB408"},
		{"Ref is not known", templateHead + "      Data: !Ref Document\n", ""},
		{"platform", strings.Replace(templateHead, "Linux", "linux", 1) + "      Uri: s3://b/k\n", "8:17 IB603"},
		{"the template's platform counts", strings.Replace(templateHead, "Linux", "Windows", 1) + "      Data: |\n" + indent(strings.Replace(bad, "ExecuteBsh", "ExecuteBash", 1), 8), "15:25 IB118"},
		{"version", strings.Replace(templateHead, "1.0.0", "1.0", 1) + "      Uri: s3://b/k\n", "7:16 IB604"},
		{"name", strings.Replace(templateHead, "Name: tool", "Name: a", 1) + "      Uri: s3://b/k\n", "6:13 IB606"},
		{"neither Data nor Uri", templateHead, "3:3 IB601"},
		{"both", templateHead + "      Uri: s3://b/k\n      Data: x\n", "3:3 IB601"},
		{"missing property", strings.Replace(templateHead, "      Name: tool\n", "", 1) + "      Uri: s3://b/k\n", "3:3 IB607"},
		{"too long", templateHead + "      Data: |\n" + indent(strings.Replace(bad, "ExecuteBsh", "ExecuteBash", 1)+strings.Repeat("# padding\n", 1600), 8), "9:13 IB602"},
		{"five-field schedule", "Resources:\n  P:\n    Type: AWS::ImageBuilder::ImagePipeline\n    Properties:\n      Schedule: {ScheduleExpression: cron(0 0 * * *)}\n", "5:38 IB605"},
		{"unknown time zone", "Resources:\n  P:\n    Type: AWS::ImageBuilder::ImagePipeline\n    Properties:\n      Schedule:\n        Timezone: Mars/Base\n", "6:19 IB605"},
		{"schedule by parameter", "Resources:\n  P:\n    Type: AWS::ImageBuilder::ImagePipeline\n    Properties:\n      Schedule: {ScheduleExpression: !Ref When}\n", ""},
		{"not YAML", "Resources: [\n", "2:1 IB600"},
		{"silenced in the template", templateHead + "      Data: |\n" + indent(strings.Replace(strings.Replace(bad, "ExecuteBsh", "ExecuteBash", 1), "ls]", "yum install x, ls]", 1)+"# lint:ignore IB402\n", 8), "16:37 IB401, 17:9 IB410"},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			result, err := linter().Text("x.yml", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := places(result.Findings, 0, 0); got != test.want {
				t.Errorf("got %q, want %q\n%v", got, test.want, result.Findings)
			}
		})
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	tests := map[string]Kind{
		"#!/bin/sh\n": Script, "schemaVersion: 1.0\nphases: []": Document, "---\n# c\nphases: []\n": Document,
		`{"schemaVersion": "1.0", "phases": []}`: Document, "  schemaVersion: 1.0\n  phases:\n": Document,
		"version: 0.2\nphases:\n  build: {}\n": Unknown, "version: 1.0\nphases: # all\n\n  # one\n  - name: build\n": Document, "schemaVersion: '0.3'\nmainSteps: []\n": Unknown,
		"{schemaVersion: 1.0,\n phases: []}": Document, `{"a": {"phases": [1, 2]}, 'b': "{phases: 1}"}`: Unknown, "{version: 1, phases: {build: {}}}": Unknown,
		"Resources: {}": Template, `{"Resources": {"A": {"schemaVersion": 1}}}`: Template, "AWSTemplateFormatVersion: x": Template,
		"base: debian:bookworm": Recipe, "name: x\npackages: [jq]\n": Recipe, "name: x": Unknown, "": Unknown, "{": Unknown,
		"schemaVerison: 1.0\nphase: []\n": Document, "steps: [{name: x, action: ExecuteBash}]": Document, "phase: [{name: x, steps: [{action: S3Download}]}]": Document,
		"steps: [{name: x, action: 'aws:runShellScript'}]": Unknown, "apiVersion: v1\nkind: X\nsteps: [{action: ExecuteBash}]\n": Unknown,
		"\xef\xbb\xbfschemaVersion: 1.0": Document, "x:\n  phases: []\n": Unknown, "\"schemaVersion\": 1.0\n": Document,
	}

	for text, want := range tests {
		if got := KindOf("x.yml", []byte(text)); got != want {
			t.Errorf("%q is a %s, want %s", text, got, want)
		}
	}
}
