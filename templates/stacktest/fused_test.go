package stacktest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fusedTemplate is a file with several faults of wrong at once: a foreign checker takes seconds for a template of this size. Its
// findings are told apart by the rule and by the resource or parameter that they name, which no two faults of a file share.
type fusedTemplate struct {
	path   string
	faults []placedFault
}

// placedFault is a fault of wrong in a file.
type placedFault struct {
	name, rule, element string
	start, end          int // of the text that is replaced, in the right template
	new                 string
}

// finding is what a foreign checker says: the rule, the resource or parameter, and the rest for people.
type finding struct{ rule, element, text string }

// fused writes the faults that a foreign checker must notice into as few files as can be. rule returns the rule that must
// fire for a fault of wrong, or "" if it is not the checker's business.
func fused(t *testing.T, rule func(by, aws string) string) []fusedTemplate {
	t.Helper()
	right := string(rendered(t))
	var files []fusedTemplate
	for _, fault := range wrong {
		wanted := rule(fault.by, fault.aws)
		if wanted == "" {
			continue
		}

		placed := place(t, right, fault.old, fault.new)
		placed.name = fault.name
		placed.rule = wanted
		fits := slices.IndexFunc(files, func(f fusedTemplate) bool { return !slices.ContainsFunc(f.faults, placed.mixesWith) })
		if fits < 0 {
			fits = len(files)
			files = append(files, fusedTemplate{})
		}
		files[fits].faults = append(files[fits].faults, placed)
	}

	dir := t.TempDir()
	for i := range files {
		files[i].path = filepath.Join(dir, fmt.Sprintf("%d.yml", i))
		if err := os.WriteFile(files[i].path, []byte(files[i].text(right)), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return files
}

// element is the first line of a resource, a parameter or an output.
var element = regexp.MustCompile(`(?m)^  ([A-Za-z0-9]+):`)

// place finds where a fault's text stands: lines as a whole, and the element of the first letter that is replaced.
func place(t *testing.T, right, from, to string) placedFault {
	t.Helper()
	start := strings.Index(right, from)
	if start < 0 {
		t.Fatalf("the template has no %q to replace", from)
	}
	same := 0
	for same < min(len(from), len(to)) && from[same] == to[same] {
		same++
	}

	before := element.FindAllStringSubmatch(right[:start+same], -1)
	if before == nil {
		t.Fatalf("%q is in no element of the template", from)
	}
	return placedFault{element: before[len(before)-1][1], start: start, end: start + len(from), new: to}
}

// mixesWith reports whether one file cannot hold both faults: their findings could be taken for one another, or they are
// in the same property.
func (f placedFault) mixesWith(other placedFault) bool {
	const line = 60 // letters, so that no fault is within another's property
	near := f.start-line < other.end && other.start-line < f.end
	return near || (f.element == other.element && f.rule == other.rule)
}

// text is the right template with the file's faults.
func (f fusedTemplate) text(right string) string {
	faults := slices.SortedFunc(slices.Values(f.faults), func(a, b placedFault) int { return b.start - a.start })
	for _, fault := range faults { // from the end, so that what is before stays where it is
		right = right[:fault.start] + fault.new + right[fault.end:]
	}
	return right
}

func pathsOf(files []fusedTemplate) []string {
	var paths []string
	for _, file := range files {
		paths = append(paths, file.path)
	}
	return paths
}

// unnoticed returns the faults of files that found does not have, by path.
func unnoticed(files []fusedTemplate, found map[string][]finding) []string {
	var missed []string
	for _, file := range files {
		for _, fault := range file.faults {
			if !slices.ContainsFunc(found[file.path], func(f finding) bool { return f.rule == fault.rule && f.element == fault.element }) {
				missed = append(missed, fmt.Sprintf("%s: nothing says %s of %s", fault.name, fault.rule, fault.element))
			}
		}
	}

	return missed
}
