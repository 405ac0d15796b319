package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"image-builder/internal/finding"
)

// section is a rule as the documentation shows it: `### IB101: title`, then examples in fences whose info string says
// how to complete them and what to expect: ```step bad, ```step good.
type section struct {
	file, title string
	examples    []docExample
}

type docExample struct{ shape, expect, text string }

var (
	ruleHeading = regexp.MustCompile("^### (IB[0-9]{3}): (.*)$")
	fence       = regexp.MustCompile("^```([a-z]+) (bad|good)(?: repeat=([0-9]+))?$")
)

func readDocs(t *testing.T) map[finding.Code]*section {
	t.Helper()
	sections := map[finding.Code]*section{}
	for _, file := range []string{"../../docs/02-recipes.md", "../../docs/03-components.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		readSections(file, strings.Split(string(text), "\n"), sections)
	}
	return sections
}

func readSections(file string, lines []string, sections map[finding.Code]*section) {
	var current *section
	for i := 0; i < len(lines); i++ {
		if heading := ruleHeading.FindStringSubmatch(lines[i]); heading != nil {
			current = &section{file: file, title: heading[2]}
			sections[finding.Code(heading[1])] = current
		}

		open := fence.FindStringSubmatch(lines[i])
		if open == nil || current == nil {
			continue
		}
		var body []string
		for i++; i < len(lines) && lines[i] != "```"; i++ {
			body = append(body, repeat(lines[i], open[3])...)
		}

		current.examples = append(current.examples, docExample{open[1], open[2], strings.Join(body, "\n") + "\n"})
	}
}

// repeat writes a line that holds %d as often as the fence says.
func repeat(line, times string) []string {
	n, err := strconv.Atoi(times)
	if err != nil || !strings.Contains(line, "%d") {
		return []string{line}
	}
	var lines []string
	for i := range n {
		lines = append(lines, strings.ReplaceAll(line, "%d", strconv.Itoa(i)))
	}
	return lines
}

// complete makes a file of an example, in a directory of its own.
func (e docExample) complete(t *testing.T) (path string) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"bootstrap.sh": "#!/bin/bash\ntrue\n", "secrets/private_ssh_key": "x", "base.raw": "disk",
		"components/browsers.yml": "schemaVersion: 1.0\nparameters: [{Version: {type: string}}]\nphases: [{name: build, steps: []}]\n",
	}

	name := map[string]string{"sh": "x.sh"}[e.shape]
	if name == "" {
		name = "x.yml"
	}

	files[name] = e.wrap(t)
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return filepath.Join(dir, name)
}

func (e docExample) wrap(t *testing.T) string {
	t.Helper()
	const head = "schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n"

	switch e.shape {
	case "document", "recipe", "template", "sh":
		return e.text
	case "steps":
		return head + indent(e.text, 6)
	case "commands":
		return head + "      - name: Step\n        action: ExecuteBash\n        inputs:\n          commands:\n            - |\n" + indent(e.text, 14)
	case "resource":
		return "Resources:\n  Example:\n" + indent(e.text, 4)
	}

	t.Fatalf("no such shape of example: %s", e.shape)
	return ""
}

// TestDocumentation runs the documentation: every rule has a section under its title, each bad example yields its
// code and the good ones yield no finding.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	sections := readDocs(t)

	rules := slices.DeleteFunc(finding.Rules(), func(r finding.Rule) bool { return r.Code >= finding.StackName }) // deploy's: docs/05-stack.md
	for _, rule := range rules {
		s := sections[rule.Code]
		if s == nil {
			t.Errorf("%s (%s) is not documented", rule.Code, rule.Title)
			continue
		}
		if s.title != rule.Title {
			t.Errorf("%s: %s is called %q, the rule says %q", s.file, rule.Code, s.title, rule.Title)
		}

		count := map[string]int{}
		for i, example := range s.examples {
			count[example.expect]++
			t.Run(fmt.Sprintf("%s/%d-%s", rule.Code, i, example.expect), func(t *testing.T) {
				t.Parallel()
				example.check(t, rule.Code)
			})
		}

		if count["bad"] == 0 || count["good"] == 0 {
			t.Errorf("%s: %s needs a bad and a good example", s.file, rule.Code)
		}
	}

	if len(sections) != len(rules) {
		t.Errorf("%d rules are documented, %d exist", len(sections), len(rules))
	}
}

func (e docExample) check(t *testing.T, code finding.Code) {
	t.Helper()
	result, err := linter().File(e.complete(t))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range result.Findings {
		found = found || f.Code == code
	}

	if e.expect == "bad" && !found {
		t.Errorf("the bad example yields %v, not %s:\n%s", result.Findings, code, e.text)
	}
	if e.expect == "good" && len(result.Findings) > 0 {
		t.Errorf("something is found in the good example: %v\n%s", result.Findings, e.text)
	}
}
