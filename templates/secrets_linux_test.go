package templates_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"image-builder/templates"
)

// awsCLI answers get-secret-value as the AWS CLI does with --output text: the value and a newline of its own.
const awsCLI = `#!/bin/bash
set -euo pipefail
[ "$*" = "secretsmanager get-secret-value --region eu-central-1 --secret-id $6 --query $8 --output text" ] || exit 252
case "$6 $8" in
  'team/private_ssh_key type(SecretString)') echo string ;;
  'team/private_ssh_key SecretString') printf 'a key\nof two lines\n\n' ;;
  'binary type(SecretString)') echo null ;;
  'binary SecretBinary') echo AAH/Cg== ;;
  *) echo "An error occurred (ResourceNotFoundException) when calling GetSecretValue" >&2; exit 254 ;;
esac
`

// TestSecretsStayUntilTheBootstrapDocument runs what the stack's recipe runs first and last.
func TestSecretsStayUntilTheBootstrapDocument(t *testing.T) {
	t.Parallel()
	m := start(t, options{noSecrets: true})
	mkdir(t, filepath.Join(m.bucket, "agents"))
	write(t, filepath.Join(m.bucket, "agents", "known_hosts"), "from the bucket")
	write(t, filepath.Join(m.bucket, "bootstrap"), `#!/bin/bash
set -euo pipefail
cp -a /tmp/secrets /var/lib/witness
{ findmnt --noheadings --output FSTYPE,SOURCE --mountpoint /tmp/secrets; stat -c '%a %n' /tmp/secrets /tmp/secrets/binary; } >/var/lib/where
`)

	values := parameters{"SecretsBucket": "local/agents", "SecretNames": "team/private_ssh_key binary", "Region": "eu-central-1"}
	contains(t, m.fails("secrets.yml", "build", values), "SecretNames needs the AWS CLI in the base")
	m.bash("cat >/usr/local/bin/aws <<'END'\n"+awsCLI+"END", "chmod 755 /usr/local/bin/aws")

	out, err := m.together("build,validate", []string{"secrets.yml", "bootstrap.yml"}, parameters{"BootstrapScriptUrl": scriptURL}, values)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := m.bash("cat /var/lib/where; cd /var/lib/witness", "od -An -c private_ssh_key binary | tr -d ' \\n'", "echo; cat known_hosts; ls -A /tmp")

	want := "tmpfs  bake-secrets\n700 /tmp/secrets\n600 /tmp/secrets/binary\n" + `akey\noftwolines\n\0001377\n` + "\nfrom the bucket"
	if got != want {
		t.Errorf("the script saw\n%s\nand /tmp holds afterwards what follows; want\n%s", got, want)
	}
}

// together runs documents in one run, as Image Builder does; what one mounts is there for the next.
func (m *machine) together(phases string, names []string, values ...parameters) (string, error) {
	m.t.Helper()
	given := []map[string]string{}
	for _, set := range values {
		for name, value := range set {
			given = append(given, map[string]string{"name": name, "value": value})
		}
	}

	documents := []map[string]any{}
	for _, name := range names {
		text, err := templates.Files.ReadFile("components/" + name)
		if err != nil {
			m.t.Fatal(err)
		}
		write(m.t, filepath.Join(m.control, name), string(text))
		documents = append(documents, map[string]any{"path": "/run/image-builder/control/" + name})
	}

	config, err := json.Marshal(map[string]any{"phases": phases, "parameters": given, "documents": documents})
	if err != nil {
		m.t.Fatal(err)
	}
	write(m.t, filepath.Join(m.control, "run.json"), string(config))

	return m.run("/run/image-builder/image-builder", "component", "run", "--config", "/run/image-builder/control/run.json",
		"--log-directory", "/run/log", "--bucket", "local=/run/image-builder/bucket", "--stream")
}

func TestSecretsAreRefused(t *testing.T) {
	t.Parallel()
	m := start(t, options{noSecrets: true})
	m.bash("cat >/usr/local/bin/aws <<'END'\n"+awsCLI+"END", "chmod 755 /usr/local/bin/aws")
	for name, test := range map[string]struct{ names, want string }{
		"secret is not there": {"elsewhere", "ResourceNotFoundException"},
		"two of one name":     {"team/private_ssh_key other/private_ssh_key", "there is a private_ssh_key already"},
	} {
		t.Log(name)
		contains(t, m.fails("secrets.yml", "build", parameters{"SecretNames": test.names, "Region": "eu-central-1"}), test.want)
	}
}
