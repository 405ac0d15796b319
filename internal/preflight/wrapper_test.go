package preflight

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/lint"
	"image-builder/internal/local"
)

// greeting appends to a file in each of its phases; validate fails for one value.
const greeting = `name: Greeting
schemaVersion: 1.0
parameters:
  - Whom: {type: string, default: nobody}
  - File: {type: string}
phases:
  - name: build
    steps:
      - {name: Hello, action: ExecuteBash, inputs: {commands: ["echo 'hello {{ Whom }}' >>'{{ File }}'"]}}
  - name: validate
    steps:
      - {name: Check, action: ExecuteBash, inputs: {commands: ["echo 'validate {{ Whom }}' >>'{{ File }}'; test '{{ Whom }}' != mars"]}}
`

const tested = `name: Tested
schemaVersion: 1.0
phases:
  - name: test
    steps:
      - {name: Test, action: ExecuteBash, inputs: {commands: ["echo tested >>FILE"]}}
`

// several is a recipe that uses documents three times, once with braces in a value.
func several(t *testing.T, whom string) (wanted Wanted, out string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "out")
	return plan(t, fmt.Sprintf(`%scomponents:
  - {path: hello there.yml, parameters: {Whom: %q, File: %s}}
  - tested.yml
  - {path: hello there.yml, parameters: {Whom: "{{ x }} ü: #1", File: %s}}
`, least, whom, out, out), nil, map[string]string{"hello there.yml": greeting, "tested.yml": strings.ReplaceAll(tested, "FILE", out)}), out
}

// upload puts the uploads into a directory that stands for a bucket.
func upload(t *testing.T, uploads []Upload, bucket string) (dir string) {
	t.Helper()
	files := map[string]string{}
	for _, u := range uploads {
		files[u.Key] = string(u.Body(bucket))
	}
	return folder(t, files)
}

// run executes phases of the document at a URL, as `component run` does.
func run(t *testing.T, url, dir string, phases ...string) component.Result {
	t.Helper()
	buckets := local.Buckets{"bucket": dir}
	library := action.Library{Objects: buckets}
	text, err := library.Document(t.Context(), url, "")
	if err != nil {
		t.Fatal(err)
	}

	document, found := component.Parse("documents.yml", text)
	if len(found) > 0 {
		t.Fatal(found)
	}
	r := component.Run{
		ID: "test", Documents: []component.Job{{Document: document, Path: url}}, Phases: phases, Env: os.Environ(),
		Modules: action.All(action.Ports{Objects: buckets, TempDir: t.TempDir()}), Library: library,
	}

	result, err := r.Execute(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return result
}

func TestSeveralDocumentsRunAsOne(t *testing.T) {
	t.Parallel()
	wanted, out := several(t, "moon")
	url := wanted.In("bucket")["ComponentDocumentUrl"]
	dir := upload(t, wanted.Uploads, "bucket")

	want := ""
	for phase, lines := range map[string]string{"build": "hello moon\nhello {{ x }} ü: #1\n", "validate": "validate moon\nvalidate {{ x }} ü: #1\n", "test": "tested\n"} {
		if result := run(t, url, dir, phase); result.Status != component.Success {
			t.Fatalf("%s: %s", phase, result.FailureMessage)
		}
		want += lines
	}

	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestADocumentThatFailsFailsAll(t *testing.T) {
	t.Parallel()
	wanted, out := several(t, "mars")
	result := run(t, wanted.In("bucket")["ComponentDocumentUrl"], upload(t, wanted.Uploads, "bucket"), "build", "validate")
	if result.Status != component.Failed || !strings.Contains(result.FailureMessage, "documents.yml") {
		t.Errorf("status %s: %s", result.Status, result.FailureMessage)
	}
	got, _ := os.ReadFile(out)
	if want := "hello mars\nhello {{ x }} ü: #1\nvalidate mars\n"; string(got) != want {
		t.Errorf("what ran: %q, want %q", got, want)
	}
}

// TestTheWrapperIsAsOurLintWantsIt also checks its form: a reader of the S3 bucket should understand it.
func TestTheWrapperIsAsOurLintWantsIt(t *testing.T) {
	t.Parallel()
	wanted, _ := several(t, "moon")
	last := wanted.Uploads[len(wanted.Uploads)-1]
	linter := &lint.Linter{Modules: action.All(action.Ports{}), Platform: component.Linux}
	result, err := linter.Text("documents.yml", last.Body("bucket"))
	if err != nil || len(result.Findings) > 0 || result.Kind != lint.Document {
		t.Error(err, result.Kind, result.Findings)
	}

	var names []string
	for _, u := range wanted.Uploads {
		names = append(names, u.Key[len("image-builder/")+64:])
	}

	want := []string{"/documents.yml.d/1-hello-there.yml", "/documents.yml.d/2-tested.yml", "/documents.yml.d/3-hello-there.yml", "/documents.yml"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("uploads (-want +got):\n%s", diff)
	}
	allowed := wanted.template.parameters["ComponentDocumentUrl"]
	if wrong := allowed.refuses(last.URL("bucket")); wrong != "" {
		t.Errorf("%s: %s", last.URL("bucket"), wrong)
	}
}

// TestWhatRunsDecidesTheAddress changes one thing at a time.
func TestWhatRunsDecidesTheAddress(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.yml": greeting, "b.yml": greeting + "# other\n"}

	seen := map[string]string{}
	for _, components := range []string{"[a.yml]", "[b.yml]", "[a.yml, b.yml]", "[b.yml, a.yml]", "[{path: a.yml, parameters: {File: x}}]", "[{path: a.yml, parameters: {File: y}}]"} {
		wanted := plan(t, least+"components: "+components+"\n", nil, files)
		all := wanted.In("bucket")
		for _, value := range []string{all["ComponentDocumentUrl"], all["ComponentDocumentVersion"]} {
			if other := seen[value]; other != "" {
				t.Errorf("%s is that of %s and of %s", value, other, components)
			}
			seen[value] = components
		}

		if wrong := wanted.template.parameters["ComponentDocumentVersion"].refuses(all["ComponentDocumentVersion"]); wrong != "" {
			t.Error(all["ComponentDocumentVersion"], wrong)
		}
		if again := plan(t, least+"components: "+components+"\n", nil, files).In("bucket"); !cmp.Equal(again, all) {
			t.Errorf("%s differs from itself: %s", components, cmp.Diff(all, again))
		}
	}
}

// TestTheTextsInsideDecideTheAddress changes a document that another one calls by the same name.
func TestTheTextsInsideDecideTheAddress(t *testing.T) {
	t.Parallel()
	const text = least + "components: [a.yml, b.yml]\n"
	before := plan(t, text, nil, map[string]string{"a.yml": greeting, "b.yml": tested}).In("bucket")
	after := plan(t, text, nil, map[string]string{"a.yml": greeting, "b.yml": tested + "# changed\n"}).In("bucket")
	for _, name := range []string{"ComponentDocumentUrl", "ComponentDocumentVersion"} {
		if before[name] == after[name] {
			t.Errorf("%s stays %s", name, after[name])
		}
	}
}

func TestAPhaseThatNeedsAnotherIsRefused(t *testing.T) {
	t.Parallel()
	document := strings.Replace(greeting, "test '{{ Whom }}' != mars", "test '{{build.Hello.outputs.stdout}}'", 1)
	r := read(t, least+"components: [a.yml, a.yml]\n", map[string]string{"a.yml": document})
	_, found := Plan(r, nil)
	if len(found) != 2 || !strings.Contains(found[0].Error(), "the validate phase uses {{build.Hello.outputs.stdout}}") {
		t.Error(found)
	}
	if wanted := plan(t, least+"components: [a.yml]\n", nil, map[string]string{"a.yml": document}); len(wanted.Uploads) != 1 {
		t.Error("alone it may be: Image Builder runs it as it is")
	}
}

func TestScriptsAreUploaded(t *testing.T) {
	t.Parallel()
	wanted := plan(t, least+"bootstrap: \"my bootstrap (2).sh\"\n", nil, map[string]string{"my bootstrap (2).sh": "#!/bin/bash\ntrue\n"})
	url := wanted.In("bucket")["BootstrapScriptUrl"]
	if want := "/my-bootstrap-2-.sh"; !strings.HasPrefix(url, "s3://bucket/image-builder/") || !strings.HasSuffix(url, want) {
		t.Errorf("%s, want …%s", url, want)
	}
	if wrong := wanted.template.parameters["BootstrapScriptUrl"].refuses(url); wrong != "" {
		t.Error(wrong)
	}

	if text := string(wanted.Uploads[0].Body("bucket")); text != "#!/bin/bash\ntrue\n" {
		t.Errorf("%q", text)
	}
}
