package templates_test

import (
	"path/filepath"
	"testing"
)

const scriptURL = "s3://local/bootstrap"

func TestBootstrapRunsScriptWithSecrets(t *testing.T) {
	t.Parallel()
	m := start(t, options{})
	m.secret("token", "a-secret-of-the-test")
	write(t, filepath.Join(m.bucket, "bootstrap"), `#!/usr/bin/env python3
import os
token = open("/tmp/secrets/token").read()
with open("/var/lib/witness", "w") as file:
    file.write(f"{os.getuid()} {len(token)}")
`)

	m.bake("bootstrap.yml", parameters{"BootstrapScriptUrl": scriptURL})
	if got := m.bash("cat /var/lib/witness"); got != "0 20" {
		t.Errorf("the script wrote %q, want its user and the length of the secret, 0 20", got)
	}
	if got := m.bash("ls -A /tmp/secrets"); got != "token" {
		t.Errorf("/tmp/secrets, which the machine provides, holds %q afterwards, want token", got)
	}
}

func TestBootstrapBringsSecretsFromBucket(t *testing.T) {
	t.Parallel()
	m := start(t, options{noSecrets: true})
	write(t, filepath.Join(m.bucket, "outside"), "not below the prefix")
	mkdir(t, filepath.Join(m.bucket, "agents", "deep"))
	write(t, filepath.Join(m.bucket, "agents", "deep", "token"), "a-secret-of-the-test")
	write(t, filepath.Join(m.bucket, "bootstrap"), `#!/bin/bash
set -euo pipefail
{
  findmnt --noheadings --output FSTYPE --mountpoint /tmp/secrets
  stat --format '%a %u' /tmp/secrets
  cat /tmp/secrets/deep/token; echo
  find /tmp/secrets -type f
} >/var/lib/witness
`)
	if out, err := m.document("bootstrap.yml", "build,validate", parameters{"BootstrapScriptUrl": scriptURL, "SecretsBucket": "local/agents"}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	want := "tmpfs\n700 0\na-secret-of-the-test\n/tmp/secrets/deep/token"
	if got := m.bash("cat /var/lib/witness"); got != want {
		t.Errorf("the script saw\n%s\nwant\n%s", got, want)
	}
	if left := m.bash("ls -A /tmp"); left != "" {
		t.Errorf("/tmp holds %s afterwards", left)
	}
}

// The machine gives no HOME, as the service does not.
func TestBootstrapGivesTheScriptItsHome(t *testing.T) {
	t.Parallel()
	m := start(t, options{})
	write(t, filepath.Join(m.bucket, "bootstrap"), "#!/bin/sh\necho \"$HOME\" ~ >/var/lib/witness\n")

	m.bake("bootstrap.yml", parameters{"BootstrapScriptUrl": scriptURL})
	if got := m.bash("cat /var/lib/witness"); got != "/root /root" {
		t.Errorf("the script's home is %q, want /root", got)
	}
}

func TestBootstrapWhereTmpLetsNoProgramRun(t *testing.T) {
	t.Parallel()
	m := start(t, options{noSecrets: true})
	m.bash("mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 hardened /tmp")
	write(t, filepath.Join(m.bucket, "bootstrap"), "#!/usr/bin/env python3\nopen('/var/lib/witness', 'w').write('ran')\n")
	if out, err := m.document("bootstrap.yml", "build,validate", parameters{"BootstrapScriptUrl": scriptURL}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := m.bash("cat /var/lib/witness; ls -A /tmp; findmnt --noheadings --list --output TARGET | grep '^/tmp/' || true"); got != "ran" {
		t.Errorf("the script left %q, want ran and nothing in /tmp", got)
	}
}

func TestBootstrapFails(t *testing.T) {
	t.Parallel()
	m := start(t, options{noSecrets: true})
	write(t, filepath.Join(m.bucket, "bootstrap"), "#!/bin/bash\necho doing\necho broken >&2\nexit 7\n")
	write(t, filepath.Join(m.bucket, "token"), "a-secret-of-the-test")

	for name, test := range map[string]struct {
		values parameters
		want   []string
	}{
		"script fails":         {parameters{"BootstrapScriptUrl": scriptURL, "SecretsBucket": "local"}, []string{"doing", "broken", "exit status 7"}},
		"script is missing":    {parameters{"BootstrapScriptUrl": "s3://local/nowhere"}, []string{"nowhere"}},
		"not a URL":            {parameters{"BootstrapScriptUrl": "./bootstrap.sh"}, []string{"write s3://bucket/key"}},
		"bucket is a URL":      {parameters{"SecretsBucket": "s3://local"}, []string{"write bucket or bucket/prefix"}},
		"bucket has a slash":   {parameters{"SecretsBucket": "local/"}, []string{"write bucket or bucket/prefix"}},
		"bucket is not there":  {parameters{"SecretsBucket": "elsewhere"}, []string{"elsewhere"}},
		"prefix holds nothing": {parameters{"SecretsBucket": "local/empty"}, []string{"empty"}},
	} {
		t.Log(name)
		contains(t, m.fails("bootstrap.yml", "build,validate", test.values), test.want...)
	}
}

func TestBootstrapRefusesSecretsOnDisk(t *testing.T) {
	t.Parallel()
	m := start(t, options{noSecrets: true})
	write(t, filepath.Join(m.bucket, "bootstrap"), "#!/bin/bash\numount /tmp/secrets\necho secret >/tmp/secrets/left\n")
	contains(t, m.fails("bootstrap.yml", "build,validate", parameters{"BootstrapScriptUrl": scriptURL}), "/tmp/secrets")
}

func TestBootstrapWithNothingToRun(t *testing.T) {
	t.Parallel()
	start(t, options{}).bake("bootstrap.yml", parameters{})
}
