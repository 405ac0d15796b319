package component_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/finding"
)

var update = flag.Bool("update", false, "write the findings into the golden files instead of comparing")

// TestFindings checks every document in testdata/check against the findings listed below it, one a line.
func TestFindings(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/check/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no golden files: %v", err)
	}

	for _, path := range archives {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}

			for i := 0; i+1 < len(archive.Files); i += 2 {
				document := archive.Files[i]
				want := &archive.Files[i+1]
				if document.Name+".want" != want.Name {
					t.Fatalf("after %s comes %s, not its findings", document.Name, want.Name)
				}
				got := findings(document.Name, document.Data)
				if *update {
					want.Data = []byte(got)
				} else if diff := cmp.Diff(string(want.Data), got); diff != "" {
					t.Errorf("%s: -want +got\n%s", document.Name, diff)
				}
			}

			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// findings parses and checks a document. The start of its name may be the platform that it must run on ("windows-…").
func findings(name string, text []byte) string {
	doc, list := component.Parse(name, text)
	options := component.Options{}
	for prefix, platform := range map[string]component.Platform{
		"linux-": component.Linux, "windows-": component.Windows, "macos-": component.MacOS,
	} {
		if strings.HasPrefix(name, prefix) {
			options.Platform = platform
		}
	}

	list = append(list, component.Check(doc, modules(), options)...)
	var lines strings.Builder
	for _, f := range list {
		fmt.Fprintf(&lines, "%d:%d %s %s %s: %s\n", f.Line, f.Column, f.Severity, f.Code, f.Message, f.Right)
	}

	return lines.String()
}

func modules() component.Modules { return action.All(action.Ports{}) }

// TestGoldenFilesCoverEveryRule checks that each rule has a fixture.
func TestGoldenFilesCoverEveryRule(t *testing.T) {
	t.Parallel()
	archives, _ := filepath.Glob("testdata/check/*.txtar")

	var all strings.Builder
	for _, path := range archives {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}

	for _, rule := range finding.Rules() {
		sized := rule.Code == finding.TooLarge || rule.Code == finding.TooLargeInline || rule.Code == finding.TooDeep
		document := rule.Code < "IB400"
		if document && !sized && !strings.Contains(all.String(), " "+string(rule.Code)+" ") {
			t.Errorf("no golden file has %s (%s)", rule.Code, rule.Title)
		}
	}
}

// TestLinesAreTheFiles counts lines as editors do, also where YAML counts more.
func TestLinesAreTheFiles(t *testing.T) {
	t.Parallel()
	for name, separator := range map[string]string{
		"carriage return": "\r", "next line": "\u0085", "line separator": "\u2028", "windows": "\r\n", "none": "",
	} {
		text := "schemaVersion: 1.0\ndescription: |\n  a" + separator + "  b\nphases: 3\n"
		line := 4 + strings.Count(separator, "\n")
		if doc, list := component.Parse("a.yml", []byte(text)); doc == nil || len(list) != 1 || list[0].Line != line {
			t.Errorf("%s: got %v, want one finding on line %d", name, list, line)
		}
	}
}
