package lint

import (
	"strings"
	"testing"
	"unicode/utf16"

	"image-builder/internal/finding"
)

// said is findings as a reader sees them, without places.
func said(found finding.List) string {
	var lines []string
	for _, f := range found {
		lines = append(lines, string(f.Code)+": "+f.Message+": "+f.Right)
	}
	return strings.Join(lines, "\n")
}

// TestWording holds the findings whose words once led a reader astray.
func TestWording(t *testing.T) {
	t.Parallel()
	const head = "schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: Step\n"
	const stop = "begin the commands with `set -euo pipefail`, or end this one with `|| exit 1`"
	const lost = " fails, the script goes on and only the status of its last command counts: " + stop

	for name, test := range map[string]struct{ file, text, want string }{
		"Latin-1 document": {"x.yml", "name: caf\xe9\n" + documentOf("ls"), "IB100: the file is not UTF-8: this byte is of another encoding, such as Latin-1: save the file as UTF-8"},
		"Latin-1 script":   {"x.sh", "#!/bin/bash\necho caf\xe9\n", "IB400: the script is not UTF-8: this byte is of another encoding, such as Latin-1: save the file as UTF-8"},
		"UTF-16 document":  {"x.yml", utf16Of(documentOf("ls")), "IB100: the file is encoded as UTF-16: save the file as UTF-8"},
		"Windows path":     {"x.yml", head + "        action: CreateFolder\n        inputs: [{path: \"C:\\Users\"}]\n", "IB100: YAML: did not find expected hexadecimal number: use single quotes, or double the backslash"},
		"then of Assert": {
			"x.yml", head + "        action: Assert\n        inputs: {fileExists: /x, then: Skip}\n",
			"IB117: then has no effect in Assert, which fails when its condition is false: remove it; to skip a step, give the step an if",
		},
		"phase told once":      {"x.yml", "schemaVersion: 1.0\nphases: [{name: biuld, steps: []}]\n", "IB112: the service runs none of the phases here (biuld): did you mean build?"},
		"option with a value":  {"x.yml", documentOf("wget -O out https://x/y\necho done"), "IB401: if `wget -O out https://x/y`" + lost},
		"option with two":      {"x.yml", documentOf("jq --arg a b . x\necho done"), "IB401: if `jq --arg a b . x`" + lost},
		"long command":         {"x.yml", documentOf("curl -fsSL https://example.com/a/very/long/path -o /opt/x\necho done"), "IB401: if `curl -fsSL https://example.com/a/very/lo…`" + lost},
		"substitution":         {"x.yml", documentOf("X=$(curl -fsS https://x/y)\necho $X"), "IB401: if `curl -fsS https://x/y`" + lost},
		"substitution, last":   {"x.yml", documentOf("X=$(curl -fsS https://x/y)"), ""},
		"substitution, -e":     {"x.yml", documentOf("set -e\nX=$(curl -fsS https://x/y)\necho $X"), ""},
		"substitution, tested": {"x.yml", documentOf("X=$(curl -fsS https://x/y)\nif [ -z \"$X\" ]; then exit 1; fi\necho $X"), ""},
		"substitution, filter": {"x.yml", documentOf("X=$(basename /a/b)\necho $X"), ""},
		"associative array":    {"x.sh", "#!/bin/bash\nset -e\ndeclare -A m n=()\nm[a.b]=1\nm[a b]=2\nm[x/y-z]=3\necho \"${m[a.b]}\"\nm+=([q.r]=2)\n", ""},
		"broken script":        {"x.sh", "#!/bin/bash\nif true; then\n", "IB400: bash cannot read this: `then` must be followed by a statement list: check the script with `bash -n`"},
		"nothing near": {
			"x.yml", head + "        action: ExecuteBash\n        user: root\n        inputs: {commands: [ls]}\n",
			"IB101: a step has no \"user\": known here: name, action, inputs, timeoutSeconds, onFailure, maxAttempts, loop, if, disableLogging",
		},
		"not near enough": {
			"x.yml", strings.Replace(documentOf("ls"), "ExecuteBash", "ExecutePerl", 1),
			"IB107: there is no action \"ExecutePerl\": the documentation lists them: AppendFile to WebDownload",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := linter().Text(test.file, []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := said(result.Findings); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// A script that cannot run is an error, one in another encoding may run.
func TestSeverityOfUnreadableScripts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"#!/bin/bash\nif true; then\n": 1, "#!/bin/bash\necho caf\xe9\n": 0} {
		result, err := linter().Text("x.sh", []byte(text))
		if err != nil || result.Findings.Errors() != want || len(result.Findings) != 1 {
			t.Errorf("%q: %v, %v, want %d errors", text, result.Findings, err, want)
		}
	}
}

// utf16Of encodes a text in UTF-16, little endian, with a byte order mark.
func utf16Of(text string) string {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return string(out)
}
