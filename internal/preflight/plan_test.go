package preflight

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/fault"
	"image-builder/internal/recipe"
)

const least = "name: nightly\nbase: ssm:/buildkite/base-ami\noutput: /buildkite/agent-ami\n"

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

// read reads a recipe that has no fault of its own.
func read(t *testing.T, text string, files map[string]string) *recipe.Recipe {
	t.Helper()
	r, found := recipe.Parse(filepath.Join(folder(t, files), "recipe.yml"), []byte(text))
	if len(found) > 0 {
		t.Fatal(found)
	}
	return r
}

func plan(t *testing.T, text string, given Settings, files map[string]string) Wanted {
	t.Helper()
	wanted, found := Plan(read(t, text, files), given)
	if len(found) > 0 {
		t.Fatal(found)
	}
	return wanted
}

// defaults are the parameters of the shortest recipe.
func defaults() map[string]string {
	return map[string]string{
		"BaseAmiParameter": "/buildkite/base-ami", "OutputAmiParameter": "/buildkite/agent-ami", "BootstrapScriptUrl": "", "Packages": "",
		"GitMirrors": "", "DockerImages": "", "ComponentDocumentUrl": "", "ComponentDocumentVersion": "1.0.0", "SecretsBucket": "",
		"SecretsPrefix": "", "ScheduleExpression": "cron(0 0 * * ? *)", "TimeZone": "Etc/UTC", "RootVolumeSize": "0",
	}
}

func TestARecipeSetsParameters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		recipe string
		given  Settings
		want   map[string]string // what differs from the defaults
	}{
		"the least": {"", nil, nil},
		"lists": {
			"packages: [jq, 'gem:bundler', 'npm:yarn@1.22.22']\ngit-mirrors: ['git@github.com:acme/a.git', 'https://github.com/acme/b.git']\ndocker-images: [node:22, alpine]\n", nil,
			map[string]string{"Packages": "jq gem:bundler npm:yarn@1.22.22", "GitMirrors": "git@github.com:acme/a.git https://github.com/acme/b.git", "DockerImages": "node:22 alpine"},
		},
		"a script in a bucket":          {"bootstrap: s3://scripts/a/b.sh\n", nil, map[string]string{"BootstrapScriptUrl": "s3://scripts/a/b.sh"}},
		"a document in a bucket":        {"components: [s3://documents/a.yml]\n", nil, map[string]string{"ComponentDocumentUrl": "s3://documents/a.yml", "ComponentDocumentVersion": "kept"}},
		"a bucket of secrets":           {"secrets: s3://secrets\n", nil, map[string]string{"SecretsBucket": "secrets"}},
		"a folder of secrets":           {"secrets: s3://secrets/agents/image/\n", nil, map[string]string{"SecretsBucket": "secrets", "SecretsPrefix": "agents/image"}},
		"a secret by name":              {"secrets: secretsmanager:buildkite/private_ssh_key\n", nil, map[string]string{"SecretNames": "buildkite/private_ssh_key"}},
		"a secret by name, and others":  {"secrets: secretsmanager:a\n", Settings{"SecretNames": "b, a,c"}, map[string]string{"SecretNames": "a,b,c"}},
		"a bucket and names of secrets": {"secrets: s3://secrets\n", Settings{"SecretNames": "b,c"}, map[string]string{"SecretsBucket": "secrets", "SecretNames": "b,c"}},
		"a schedule":                    {"schedule: cron(0 4 ? * MON-FRI *)\ntimezone: Europe/Berlin\n", nil, map[string]string{"ScheduleExpression": "cron(0 4 ? * MON-FRI *)", "TimeZone": "Europe/Berlin"}},
		"a bare schedule":               {"schedule: '0  4 * *  ? *'\n", nil, map[string]string{"ScheduleExpression": "cron(0 4 * * ? *)"}},
		"a rate":                        {"schedule: rate(12 hours)\n", nil, map[string]string{"ScheduleExpression": "rate(12 hours)"}},
		"a disk":                        {"disk: 40GiB\n", nil, map[string]string{"RootVolumeSize": "40"}},
		"a disk of no whole GiB":        {"disk: 1500MiB\n", nil, map[string]string{"RootVolumeSize": "2"}},
		"flags": {
			"",
			Settings{"InstanceType": "t4g.large", "SubnetId": "subnet-0123456789abcdef0", "KeepImages": "3", "DockerUsernsRemap": "", "LogRetentionDays": "365"},
			map[string]string{"InstanceType": "t4g.large", "SubnetId": "subnet-0123456789abcdef0", "KeepImages": "3", "DockerUsernsRemap": "", "LogRetentionDays": "365"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := defaults()
			for parameter, value := range test.want {
				want[parameter] = value
				if value == "kept" {
					delete(want, parameter)
				}
			}

			wanted := plan(t, least+test.recipe, test.given, nil)
			if diff := cmp.Diff(want, wanted.In("bucket")); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}

			for _, parameter := range wanted.Keep {
				if _, both := wanted.Parameters[parameter]; both {
					t.Errorf("%s is set and kept", parameter)
				}
			}

			if n := len(wanted.template.names); len(wanted.Keep)+len(wanted.Parameters) != n {
				t.Errorf("%d parameters are set and %d kept, of %d", len(wanted.Parameters), len(wanted.Keep), n)
			}
		})
	}
}

// Without a recipe file, what no flag gives is the stack's; a flag that is empty empties the field.
func TestWithoutARecipeTheStackKeepsItsValues(t *testing.T) {
	t.Parallel()
	r, _ := recipe.Load("")
	if found := r.Override(recipe.Override{"packages": {"jq"}, "bootstrap": {}}); len(found) > 0 {
		t.Fatal(found)
	}
	wanted, found := Plan(r, Settings{"InstanceType": "m7i.large"})
	if len(found) > 0 {
		t.Fatal(found)
	}

	if diff := cmp.Diff(map[string]string{"Packages": "jq", "BootstrapScriptUrl": "", "InstanceType": "m7i.large"}, wanted.In("bucket")); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if n := len(wanted.template.names); len(wanted.Keep)+len(wanted.Parameters) != n {
		t.Errorf("%d parameters are set and %d kept, of %d", len(wanted.Parameters), len(wanted.Keep), n)
	}
	if err := wanted.Complete(map[string]string{"BaseAmiParameter": "/base", "OutputAmiParameter": "/out"}); err != nil {
		t.Error(err)
	}
	if err := wanted.Complete(map[string]string{"BaseAmiParameter": "/base"}); err == nil || !strings.Contains(err.Error(), "no output is given") {
		t.Errorf("error is %v", err)
	}
	if err := wanted.Complete(nil); fault.ClassOf(err) != fault.BadInput || fault.HintOf(err) != "name a recipe, or write --base ssm:/buildkite/base-ami" {
		t.Errorf("error is %v, %s", err, fault.HintOf(err))
	}
}

// refusal is what a finding must contain: its place, and parts of its text.
type refusal struct {
	recipe string
	given  Settings
	at     string
	says   string
}

func (r refusal) check(t *testing.T, warning bool) {
	t.Helper()
	files := map[string]string{"secrets/key": "x", "disk.raw": "x", "a.yml": "x: y\n", "long.yml": "name: x\nschemaVersion: 1.0\n#" + strings.Repeat("x", 64<<10), "other.yml": "schemaVersion: 1.0\nphases: [{name: container-host-test, steps: []}]\n"}
	parsed := read(t, r.recipe, files)
	_, found := Plan(parsed, r.given)
	if len(found) != 1 || (found.Errors() == 0) != warning {
		t.Fatalf("findings: %v", found)
	}

	f := found[0]
	at := strings.TrimPrefix(strings.TrimPrefix(f.String(), filepath.Dir(parsed.File)+"/"), "recipe.yml:")
	if text := strings.ReplaceAll(f.Message+": "+f.Right, filepath.Dir(parsed.File), "."); at != r.at || !strings.Contains(text, r.says) {
		t.Errorf("at %s: %s\nwant at %s: %s", at, text, r.at, r.says)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const rest = "output: /buildkite/agent-ami\n"

	for name, test := range map[string]refusal{
		"a Debian":                    {"base: debian:bookworm\n" + rest, nil, "1:7", "`image-builder base resolve --write /buildkite/base-ami` puts Buildkite's AMI into one"},
		"a disk":                      {"base: ./disk.raw\n" + rest, nil, "1:7", "base resolve"},
		"an AMI":                      {"base: ami-0123456789abcdef0\n" + rest, nil, "1:7", "aws ssm put-parameter --type String --name /buildkite/base-ami --value ami-0123456789abcdef0; then write base: ssm:/buildkite/base-ami"},
		"no output":                   {"base: ssm:/a\n", nil, "recipe.yml", "no output is given"},
		"base and output alike":       {"base: ssm:agent-ami\noutput: /agent-ami\n", nil, "2:9", "same parameter"},
		"secrets on this machine":     {least + "secrets: ./secrets\n", nil, "4:10", "aws s3 cp --recursive ./secrets s3://BUCKET/image"},
		"secrets in SSM":              {least + "secrets: ssm:/secrets\n", nil, "4:10", "secretsmanager:NAME"},
		"a secret's ARN":              {least + "secrets: secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-AbCdEf\n", nil, "4:10", "it must be names of secrets, not ARNs"},
		"a folder with a blank":       {least + "secrets: s3://secrets/a b\n", nil, "4:10", "it must be a folder without a slash at its start or end"},
		"a script's URL with a blank": {least + "bootstrap: s3://scripts/a b.sh\n", nil, "4:12", "it must be an s3:// URL of an object"},
		"a disk too large":            {least + "disk: 20TiB\n", nil, "4:7", `RootVolumeSize cannot be "20480": it must be a whole number from 0 to 16000`},
		"many packages":               {least + "packages: [" + strings.Repeat("abcdefghijklmno, ", 300) + "jq]\n", nil, "4:12", "it must have at most 4096 bytes, and has 4802"},
		"an instance type":            {least, Settings{"InstanceType": "large"}, "--instance-type", "it must be an instance type, like t3.large or, for arm64, t4g.large"},
		"a subnet":                    {least, Settings{"SubnetId": "vpc-1234"}, "--subnet-id", "it must be a subnet's ID"},
		"a data type":                 {least, Settings{"OutputAmiDataType": "ami"}, "--output-ami-data-type", "it must be text or aws:ec2:image"},
		"a count":                     {least, Settings{"KeepImages": "many"}, "--keep-images", "it must be a whole number from 0 to 1000"},
		"a count out of range":        {least, Settings{"DisableAfterFailures": "11"}, "--disable-after-failures", "it must be a whole number from 1 to 10"},
		"days that are none":          {least, Settings{"LogRetentionDays": "31"}, "--log-retention-days", "it must be 1, 3, 5, 7, 14, 30, "},
		"a list of policies":          {least, Settings{"InstancePolicyArns": "arn:aws:iam::aws:policy/A, B"}, "--instance-policy-arns", "it must be ARNs of managed policies"},
		"a device":                    {least, Settings{"RootDeviceName": "/dev/sdb"}, "--root-device-name", "it must be blank, /dev/xvda or /dev/sda1"},
		"no flag's parameter":         {least, Settings{"Packages": "jq"}, "--packages", "not a parameter that a flag sets"},
		"a size without a device":     {least + "disk: 40GiB\n", Settings{"RootDeviceName": "", "ImageKeyArn": ""}, "recipe.yml", "RootVolumeSize and ImageKeyArn need RootDeviceName"},
		"no document":                 {least + "components: [a.yml]\n", nil, "4:14", "a.yml:1:1: a component document has no"},
		"a document of 64 KB":         {least + "components: [long.yml]\n", nil, "4:14", "Image Builder takes 65536"},
		"a document without phases":   {least + "components: [other.yml]\n", nil, "4:14", "none of the phases that Image Builder runs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.check(t, false)
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]refusal{
		"a timeout":          {least + "timeout: 2h\n", nil, "4:10", "a stack has no such limit"},
		"a test machine":     {least + "test: vm\n", nil, "4:7", "on an instance of their own"},
		"an allowed leak":    {least + "allow-leak: [/etc/key]\n", nil, "4:14", "does not search its AMIs"},
		"a mirror from here": {least + "git-mirrors: [/srv/git/a.git]\n", nil, "4:15", "is looked for on the build instance"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.check(t, true)
		})
	}
}

// A rule about values that the stack already has cannot be decided offline.
func TestRulesOfValuesThatAreKeptWait(t *testing.T) {
	t.Parallel()
	wanted := plan(t, least+"disk: 40GiB\n", nil, nil)
	kept := func(device string) values {
		return func(name string) (string, bool) {
			if value, ok := wanted.Parameters[name]; ok {
				return value, true
			}
			return map[string]string{"RootDeviceName": device}[name], true
		}
	}
	if says := wanted.template.broken(kept("/dev/xvda")); len(says) > 0 {
		t.Error(says)
	}

	if says := wanted.template.broken(kept("")); len(says) != 1 || !strings.Contains(says[0], "need RootDeviceName") {
		t.Error(says)
	}
}

func TestStackNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ recipe, given, want, says string }{
		{"nightly", "", "nightly", ""},
		{"nightly", "Other-1", "Other-1", ""},
		{"my image", "", "", "write --stack my-image"},
		{"_x_", "", "", "write --stack nightly-ami"},
		{"nightly", "ab", "", "write --stack nightly-ami"},
		{"nightly", "a_b_c", "", "write --stack a-b-c"},
		{"nightly", strings.Repeat("x", 99), "", "3 to 98"},
	} {
		got, found := StackName(&recipe.Recipe{File: "recipe.yml", Name: test.recipe}, test.given)
		if got != test.want || (len(found) > 0) != (test.says != "") || !strings.Contains(fmt.Sprint(found), test.says) {
			t.Errorf("%q, --stack %q: %q, %v", test.recipe, test.given, got, found)
		}
	}
}

// TestADefaultNameIsNotAStackName refuses a recipe's default name.
func TestADefaultNameIsNotAStackName(t *testing.T) {
	t.Parallel()
	r, _ := recipe.Load("")
	if name, found := StackName(r, ""); name != "" || len(found) != 1 || !strings.Contains(found[0].Right, "--stack") {
		t.Errorf("the stack is called %q: %v", name, found)
	}
	if found := r.Override(recipe.Override{"name": {"nightly"}}); len(found) > 0 {
		t.Fatal(found)
	}
	if name, found := StackName(r, ""); name != "nightly" || len(found) > 0 {
		t.Errorf("the stack is called %q, not nightly: %v", name, found)
	}
}
