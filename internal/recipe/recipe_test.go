package recipe

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/component"
	"image-builder/internal/finding"
)

// folder writes files into a new directory.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

const everything = `# what we bake
name: agent-linux
base: ./base.raw
bootstrap: ./bootstrap.sh
secrets: ./secrets
git-mirrors:
  - git@github.com:acme/monorepo.git
  - https://github.com/acme/tools
docker-images: [public.ecr.aws/docker/library/node:22, alpine]
packages: [jq, "gem:bundler", "npm:@angular/cli", "libc6:arm64", "nginx=1.22.1-9+deb12u1"]
components:
  - components/browsers.yml
  - path: components/browsers.yml
    parameters: {Version: "1.0", Count: 007}
  - s3://acme-documents/more.yml
output: /buildkite/agent-ami
schedule: cron(0 0 * * ? *)
timezone: Europe/Berlin
disk: 20GiB
timeout: 90m
allow-leak: [/etc/app/license.key]
`

func everyFile() map[string]string {
	return map[string]string{
		"recipe.yml": everything, "base.raw": "disk", "bootstrap.sh": "#!/bin/bash\ntrue\n", "secrets/key": "hunter2hunter2",
		"components/browsers.yml": "schemaVersion: 1.0\n",
	}
}

func TestLoadEverything(t *testing.T) {
	t.Parallel()
	dir := folder(t, everyFile())
	got, found := Load(filepath.Join(dir, "recipe.yml"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	if at := got.At("git-mirrors", 1).String(); at != filepath.Join(dir, "recipe.yml")+":8:5" {
		t.Errorf("second mirror is at %s", at)
	}

	if next, ok := got.When.Next(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)); !ok || next.UTC().Hour() != 22 {
		t.Errorf("next build is at %s", next)
	}
	documents := filepath.Join(dir, "components/browsers.yml")
	at := func(line, column int) finding.Position {
		return finding.Position{File: filepath.Join(dir, "recipe.yml"), Line: line, Column: column}
	}

	want := &Recipe{
		File: filepath.Join(dir, "recipe.yml"), Name: "agent-linux", Base: filepath.Join(dir, "base.raw"),
		Bootstrap: filepath.Join(dir, "bootstrap.sh"), Secrets: filepath.Join(dir, "secrets"),
		GitMirrors:   []string{"git@github.com:acme/monorepo.git", "https://github.com/acme/tools"},
		DockerImages: []string{"public.ecr.aws/docker/library/node:22", "alpine"},
		Packages:     []string{"jq", "gem:bundler", "npm:@angular/cli", "libc6:arm64", "nginx=1.22.1-9+deb12u1"},
		Components: []Component{
			{Document: documents, At: at(12, 5)},
			{Document: documents, At: at(13, 11), Parameters: []component.Parameter{{Name: "Version", Value: "1.0"}, {Name: "Count", Value: "007"}}},
			{Document: "s3://acme-documents/more.yml", At: at(15, 5)},
		},
		Output: "/buildkite/agent-ami", Schedule: "cron(0 0 * * ? *)", TimeZone: "Europe/Berlin", When: got.When,
		Disk: 20 << 30, Timeout: 90 * time.Minute, AllowLeak: []string{"/etc/app/license.key"},
	}

	want.positions = got.positions
	if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Fatal(diff)
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want, right string }{
		{"unknown key", "bsae: debian:bookworm", "1:1 IB501", "did you mean base?"},
		{"other case and dashes", "base: debian:bookworm\ngit_mirrors: []", "2:1 IB501", "did you mean git-mirrors?"},
		{"far from any key", "frobnicate: 1", "1:1 IB501", "the fields are name, base"},
		{"not YAML", "base: [", "2:1 IB500", ""},
		{"a list", "- a", "1:1 IB500", ""},
		{"nothing", " \n", " IB500", "write"},
		{"control characters", "name: \x1b[31mfoo", " IB500", ""},
		{"too long", strings.Repeat("a", MaxFile+1), " IB500", "name a recipe file"},
		{"twice", "name: abc\nname: def", "2:1 IB503", "keep one"},
		{"blank", "name:", "1:1 IB502", "remove the line"},
		{"list for text", "base: [a]", "1:7 IB502", "write base: debian:bookworm"},
		{"text for list", "packages: jq", "1:11 IB502", "write packages: [jq]"},
		{"map in list", "packages:\n  - gem: bundler", "2:5 IB502", "quotes"},
		{"name", "name: a!", "1:7 IB505", "agent-linux"},
		{"missing script", "bootstrap: ./bootstrp.sh", "1:12 IB504", "did you mean bootstrap.sh?"},
		{"directory as script", "bootstrap: secrets", "1:12 IB504", "name a file in it"},
		{"https script", "bootstrap: https://b.s3.eu-west-1.amazonaws.com/k/s.sh", "1:12 IB507", "s3://b/k/s.sh"},
		{"bucket as script", "bootstrap: s3://bucket", "1:12 IB507", "s3://bucket/key"},
		{"bucket name", "bootstrap: s3://B_/k", "1:12 IB507", "s3://bucket/key"},
		{"secrets by file URL", "secrets: file:///etc", "1:10 IB507", "secretsmanager:NAME"},
		{"secrets without name", "secrets: 'secretsmanager:'", "1:10 IB507", "secretsmanager:NAME"},
		{"secrets missing", "secrets: ./none", "1:10 IB504", "create it"},
		{"base unknown kind", "base: fedora:42", "1:7 IB506", "debian:SUITE or ubuntu:SUITE"},
		{"base misspelt suite", "base: debian:bookwrm", "1:7 IB506", "did you mean debian:bookworm?"},
		{"base misspelt suite of Ubuntu", "base: ubuntu:nobel", "1:7 IB506", "did you mean ubuntu:noble?"},
		{"base version for suite", "base: ubuntu:24.04", "1:7 IB506", "write ubuntu:noble"},
		{"base case", "base: Debian:bookworm", "1:7 IB506", "write debian:bookworm"},
		{"base http", "base: http://a/b.raw", "1:7 IB506", "https://"},
		{"base without checksum", "base: https://a/b.raw", "1:7 IB506", "#sha256="},
		{"base short checksum", "base: https://a/b.raw#sha256=12", "1:22 IB506", "64 digits"},
		{"base ami", "base: ami-12345", "1:7 IB506", "8 or 17"},
		{"base missing", "base: ./none.raw", "1:7 IB504", ""},
		{"git slash", "git-mirrors: [git@github.com/acme/x.git]", "1:15 IB508", "write git@github.com:acme/x.git"},
		{"git without scheme", "git-mirrors: [github.com/acme/x]", "1:15 IB508", "https://github.com/acme/x"},
		{"git transport", "git-mirrors: ['htps://github.com/acme/x']", "1:16 IB508", "did you mean https://?"},
		{"git ssh colon", "git-mirrors: ['ssh://git@github.com:acme/x']", "1:15 IB508", "without ssh://"},
		{"git password", "git-mirrors: ['https://me:secret@github.com/acme/x']", "1:15 IB508", "git-credentials"},
		{"git option", "git-mirrors: ['--upload-pack=x']", "1:15 IB508", ""},
		{"git twice", "git-mirrors: [/srv/a, /srv/a]", "1:23 IB517", "keep one"},
		{"git collision", "git-mirrors:\n- https://h/a.b\n- https://h/a-b", "3:3 IB517", "r.yml:2:3"},
		{"docker scheme", "docker-images: ['https://ghcr.io/a/b']", "1:17 IB509", "write ghcr.io/a/b"},
		{"docker case", "docker-images: [Acme/App]", "1:17 IB509", "write acme/app"},
		{"package manager", "packages: [jq, 'pip:awscli']", "1:17 IB510", "gem:NAME"},
		{"packages in one", "packages: ['jq ripgrep']", "1:12 IB510", "of its own"},
		{"output characters", "output: /a b", "1:9 IB511", ""},
		{"output with ssm:", "output: ssm:/a/b", "1:9 IB511", "write /a/b"},
		{"output levels", "output: a/b", "1:9 IB511", "write /a/b"},
		{"output reserved", "output: /aws/ami", "1:9 IB511", ""},
		{"output long", "output: /" + strings.Repeat("a", 1011), "1:9 IB511", ""},
		{"five-field cron", "schedule: cron(0 0 * * *)", "1:16 IB512", "write cron(0 0 * * ? *)"},
		{"cron field", `schedule: "0 25 * * ? *"`, "1:14 IB512", "0-23"},
		{"zone", "timezone: Berlin", "1:11 IB512", "Europe/Berlin"},
		{"disk unit", "disk: 20GB", "1:7 IB513", "write 20GiB"},
		{"disk without unit", "disk: 20", "1:7 IB513", "write 20GiB"},
		{"disk too large", "disk: 65TiB", "1:7 IB513", ""},
		{"timeout", "timeout: 90", "1:10 IB514", "90m"},
		{"timeout negative", "timeout: -1h", "1:10 IB514", "90m"},
		{"leak", "allow-leak: [etc/x]", "1:14 IB515", "/etc/app"},
		{"component without path", "components: [{parameters: {}}]", "1:14 IB502", "path: x.yml"},
		{"component key", "components: [{path: components/browsers.yml, parameter: {}}]", "1:46 IB501", "did you mean parameters?"},
		{"component parameter", "components: [{path: components/browsers.yml, parameters: {A: [b]}}]", "1:62 IB502", "A: value"},
	}

	dir := folder(t, everyFile())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, found := Parse(filepath.Join(dir, "r.yml"), []byte(test.text))
			if len(found) != 1 {
				t.Fatalf("got %d findings: %v", len(found), found)
			}
			f := found[0]
			f.File = ""
			if got := strings.TrimPrefix(fmt.Sprint(f.Position), ":") + " " + string(f.Code); got != test.want {
				t.Errorf("got %s, want %s: %v", got, test.want, f)
			}

			if !strings.Contains(f.Right, test.right) {
				t.Errorf("says %q, want %q in it", f.Right, test.right)
			}
		})
	}
}

func TestScriptIsARecipe(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Build agents.sh": "echo hi\n", "tool": "#!/bin/sh\n", "a.sh": ""})
	for file, name := range map[string]string{"Build agents.sh": "Build-agents", "tool": "tool", "a.sh": "a-image"} {
		got, found := Load(filepath.Join(dir, file))
		if len(found) > 0 || got.Name != name || got.Bootstrap != filepath.Join(dir, file) {
			t.Errorf("%s: %+v %v", file, got, found)
		}
		if missing := got.Complete(); len(missing) != 1 || missing[0].Code != finding.RecipeBase {
			t.Errorf("%s: a script gives no base, got %v", file, missing)
		}
	}
}

func TestLoadMissing(t *testing.T) {
	t.Parallel()
	got, found := Load(filepath.Join(t.TempDir(), "none.yml"))
	if got != nil || len(found) != 1 || found[0].Code != finding.RecipeFile {
		t.Fatal(got, found)
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	dir := folder(t, everyFile())
	r, found := Load(filepath.Join(dir, "recipe.yml"))
	found = append(found, r.Override(Override{"base": {"debian:bookworm"}, "packages": {"curl"}, "disk": {"1TiB"}, "timeout": {"1h"}})...)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if r.Base != "debian:bookworm" || r.Disk != 1<<40 || r.Timeout != time.Hour || !cmp.Equal(r.Packages, []string{"curl"}) {
		t.Fatalf("%+v", r)
	}

	if len(r.DockerImages) != 2 {
		t.Fatalf("a list without a flag must stay: %v", r.DockerImages)
	}
	found = r.Override(Override{"schedule": {"0 0 * * *"}, "git-mirrors": {"x y"}})
	if len(found) != 2 || found[0].File != "--git-mirrors" || found[1].File != "--schedule" {
		t.Fatal(found)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	digest := func(change func(files map[string]string)) string {
		files := everyFile()
		change(files)

		r, found := Load(filepath.Join(folder(t, files), "recipe.yml"))
		if len(found) > 0 {
			t.Fatal(found)
		}
		sum, err := r.Digest()
		if err != nil {
			t.Fatal(err)
		}

		return sum
	}

	same := digest(func(map[string]string) {})
	tests := map[string]struct {
		change func(files map[string]string)
		moves  bool
	}{
		"another directory": {func(map[string]string) {}, false},
		"a comment":         {func(f map[string]string) { f["recipe.yml"] += "# end\n" }, false},
		"a secret":          {func(f map[string]string) { f["secrets/key"] = "other" }, false},
		"where secrets are": {func(f map[string]string) {
			f["recipe.yml"] = strings.Replace(everything, "secrets: ./secrets", "secrets: s3://bucket", 1)
		}, false},
		"the script":          {func(f map[string]string) { f["bootstrap.sh"] += "#" }, true},
		"a document":          {func(f map[string]string) { f["components/browsers.yml"] += "#" }, true},
		"a field":             {func(f map[string]string) { f["recipe.yml"] = strings.Replace(everything, "20GiB", "21GiB", 1) }, true},
		"a component's value": {func(f map[string]string) { f["recipe.yml"] = strings.Replace(everything, `"1.0"`, `"1.1"`, 1) }, true},
		"the order of entries": {func(f map[string]string) {
			f["recipe.yml"] = strings.Replace(everything, "[public.ecr.aws/docker/library/node:22, alpine]", "[alpine, public.ecr.aws/docker/library/node:22]", 1)
		}, true},
	}
	for name, test := range tests {
		if moved := digest(test.change) != same; moved != test.moves {
			t.Errorf("%s: digest changed is %v", name, moved)
		}
	}
}

func FuzzRecipe(f *testing.F) {
	f.Add([]byte(everything))
	for _, seed := range []string{"a: *a", "components: [{path: x, parameters: {a: b}}]", "? [a]\n: b", "base: &x y\nname: *x", "#!", "git-mirrors: &a [*a]"} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, text []byte) {
		r, found := Parse("recipe.yml", text)
		if r == nil {
			t.Fatal("no recipe")
		}
		for _, one := range found {
			if one.Code == "" || one.Message == "" || one.Line < 0 {
				t.Fatalf("incomplete finding %+v", one)
			}
		}
	})
}

// Reading does not wait for a pipe without a writer, and reads only the beginning of an endless file.
func TestLoadOddFiles(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}

	for path, want := range map[string]string{
		pipe: "the file is empty", "/dev/zero": "the file is larger than 1 MiB", t.TempDir(): "read recipe: is a directory", "none.yml": "read recipe: no such file or directory",
	} {
		if _, found := Load(path); len(found) != 1 || !strings.HasPrefix(found[0].Message, want) {
			t.Errorf("%s: got %v, want %s", path, found, want)
		}
	}
}
