package templates_test

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/recipe"
	"image-builder/templates"
)

// documents reads the embedded documents, by file name.
func documents(t *testing.T) map[string]*component.Document {
	t.Helper()
	entries, err := templates.Files.ReadDir("components")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*component.Document{}
	for _, entry := range entries {
		text, err := templates.Files.ReadFile("components/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		doc, faults := component.Parse(entry.Name(), text)
		faults = append(faults, component.Check(doc, action.All(action.Ports{}), component.Options{Platform: component.Linux, Inline: true})...)
		for _, f := range faults {
			t.Error(f)
		}
		found[entry.Name()] = doc
	}

	return found
}

// script returns the text of an ExecuteBash step.
func script(t *testing.T, doc *component.Document, name string) string {
	t.Helper()
	var text string
	doc.Steps(func(_ *component.Phase, step *component.Step) {
		if step.Name.Value == name {
			step.Inputs.Get("commands").Scalars(func(v *component.Value) { text += v.Text })
		}
	})
	if text == "" {
		t.Fatalf("%s has no step %s with commands", doc.File, name)
	}

	return text
}

func TestDocumentsFitIntoATemplate(t *testing.T) {
	t.Parallel()
	want := []string{"bootstrap.yml", "docker-images.yml", "git-mirrors.yml", "packages.yml", "secrets.yml"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(documents(t)))); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	for name, doc := range documents(t) {
		if n := len([]rune(doc.Source())); n >= 16000 {
			t.Errorf("%s has %d characters: an inline component may have fewer than 16,000", name, n)
		}
	}
}

func TestScriptsAreBashAndStopAtErrors(t *testing.T) {
	t.Parallel()
	for name, doc := range documents(t) {
		doc.Steps(func(phase *component.Phase, step *component.Step) {
			if step.Action.Value != "ExecuteBash" {
				return
			}
			text := script(t, doc, step.Name.Value)
			if !strings.HasPrefix(text, "set -euo pipefail\n") {
				t.Errorf("%s: %s.%s goes on after an error", name, phase.Name.Value, step.Name.Value)
			}

			check := exec.Command("bash", "-n")
			check.Stdin = strings.NewReader(text)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s: %s.%s: %v\n%s", name, phase.Name.Value, step.Name.Value, err, out)
			}
		})
	}
}

// A document cannot include another, so what two of them need stands in both.
func TestWhatStandsTwiceIsTheSame(t *testing.T) {
	t.Parallel()
	docs := documents(t)
	same := func(what, a, b string) {
		t.Helper()
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s (-one +other):\n%s", what, diff)
		}
	}

	same("preparing secrets", script(t, docs["bootstrap.yml"], "PrepareSecrets"), script(t, docs["git-mirrors.yml"], "PrepareSecrets"))
	prepared := strings.ReplaceAll(script(t, docs["secrets.yml"], "PrepareSecrets"), "bake-secrets", "build-secrets")
	same("preparing secrets for all", strings.Replace(prepared, "removed at the end", "removed here", 1), script(t, docs["bootstrap.yml"], "PrepareSecrets"))
	same("checking packages", script(t, docs["packages.yml"], "PackagesAreInstalled"), script(t, docs["packages.yml"], "PackagesAreInTheImage"))
	running, _, _ := strings.Cut(script(t, docs["docker-images.yml"], "Pull"), "login() {")
	again, _, _ := strings.Cut(script(t, docs["docker-images.yml"], "ImagesAreThere"), "check_machine\n")
	same("running Docker", running, again)

	for _, step := range []string{"MirrorsAreWhole", "MirrorsAreThere"} {
		same("naming mirrors", function(t, script(t, docs["git-mirrors.yml"], "Mirror"), "mirror_name"), function(t, script(t, docs["git-mirrors.yml"], step), "mirror_name"))
	}
}

// function cuts one function out of a script.
func function(t *testing.T, text, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, name+"() {")
	body, _, ended := strings.Cut(rest, "\n}\n")
	if !found || !ended {
		t.Fatalf("the script has no function %s", name)
	}
	return name + "() {" + body + "\n}\n"
}

func TestBashNamesMirrorsAsTheRecipeDoes(t *testing.T) {
	t.Parallel()
	naming := function(t, script(t, documents(t)["git-mirrors.yml"], "Mirror"), "mirror_name")

	urls := []string{
		"git@github.com:org/repo.git", "https://github.com/inc/p.git", "ssh://git@host:22/a/b", "https://user@host/A_b~c/",
		"git@host:café/straße", "host:日本/😀/٣", "host:e\u0301/\u00a0", "/srv/git//x..y", "a%20b?c=d&e#f", `back\slash'"quote`, "-leading", "x", "%s%d",
	}
	for _, locale := range []string{"C", "C.UTF-8", "POSIX"} {
		for _, url := range urls {
			bash := exec.Command("bash", "-c", "set -euo pipefail\n"+naming+`mirror_name "$1"`, "bash", url)
			bash.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=" + locale}
			out, err := bash.Output()
			if err != nil {
				t.Fatalf("%s in %s: %v", url, locale, err)
			}
			got := string(out)
			want := recipe.MirrorName(url)
			if got != want {
				t.Errorf("bash in locale %s names %q %q, the recipe %q", locale, url, got, want)
			}
		}
	}
}

func TestExampleNamesItsMirrorAsTheRecipeDoes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../examples/git-mirror/bootstrap.sh")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\nmirror=")
	line, _, _ := strings.Cut(rest, "\n")
	if !found {
		t.Fatal("the example does not name a mirror")
	}

	for _, url := range []string{"git@github.com:acme/monorepo.git", "ssh://root@127.0.0.1:40123/acme/monorepo.git"} {
		out, err := exec.Command("bash", "-uc", "mirrors=/m repository=$1\nmirror="+line+"\nprintf '%s' \"$mirror\"", "bash", url).Output()
		if err != nil {
			t.Fatal(err)
		}
		got := string(out)
		want := "/m/" + recipe.MirrorName(url)
		if got != want {
			t.Errorf("the example names %s %s, the recipe %s", url, got, want)
		}
	}
}

// A download that is skipped has a source all the same, which the service may check before it evaluates the condition.
func TestSkippedDownloadsNameSomethingWellFormed(t *testing.T) {
	t.Parallel()
	wellFormed := regexp.MustCompile(`^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^/].*$`)

	for name, doc := range documents(t) {
		var pairs []string
		for _, p := range doc.Parameters {
			pairs = append(pairs, "{{ "+p.Name.Value+" }}", p.Default.Value)
		}
		defaults := strings.NewReplacer(pairs...)

		doc.Steps(func(_ *component.Phase, step *component.Step) {
			if step.Action.Value != "S3Download" {
				return
			}
			for _, item := range step.Inputs.Items {
				if source := defaults.Replace(item.Get("source").Text); !wellFormed.MatchString(source) {
					t.Errorf("%s: %s downloads %q if nothing is asked for", name, step.Name.Value, source)
				}
			}
		})
	}
}
