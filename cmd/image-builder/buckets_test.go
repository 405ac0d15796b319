package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// bucketContent is what a bake finds in its buckets: a script, and secrets below a prefix.
var bucketContent = map[string]string{
	"scripts/bootstrap.sh": "#!/bin/bash\nset -eu\ntest \"$(cat /tmp/secrets/token)\" = tok_99887766554433aa\n" +
		"test \"$(cat /tmp/secrets/deep/key)\" = key_0a1b2c3d4e5f6071\ntest ! -e /tmp/secrets/bootstrap.sh\necho \"found $(cat /tmp/secrets/token)\"\n",
	"secrets/token":    "tok_99887766554433aa\n",
	"secrets/deep/key": "key_0a1b2c3d4e5f6071\n",
}

// A directory can stand for a bucket, both for the recipe and for the documents.
func TestBucketsThatAreDirectories(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)

	bucket := t.TempDir()
	for key, text := range bucketContent {
		path := filepath.Join(bucket, key)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	args := []string{"bake", "--base", "debian:bookworm", "--bootstrap", "s3://acme/scripts/bootstrap.sh", "--secrets", "s3://acme/secrets"}
	b.run(append(args, "--bucket", "acme="+bucket)...)

	_, code, text := b.try(append(args, "--bucket", "acme="+filepath.Join(bucket, "missing"))...)
	if code != 2 || !strings.Contains(text, "--bucket NAME=DIR") {
		t.Errorf("exit status %d for a directory that is not there, want 2 and what to write:\n%s", code, text)
	}
}

// The same works through the S3 protocol, with this machine's credentials: they reach the sandbox, but no log and no
// disk.
func TestBucketsOfS3(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)

	backend := s3mem.New()
	if err := backend.CreateBucket("acme"); err != nil {
		t.Fatal(err)
	}

	for key, text := range bucketContent {
		if _, err := backend.PutObject("acme", key, nil, strings.NewReader(text), int64(len(text)), nil); err != nil {
			t.Fatal(err)
		}
	}

	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	const key = "wJalrXUtnFEMIK7MDENGbPxRfiCYzzTESTKEY"
	component := filepath.Join(t.TempDir(), "credentials.yml")

	text := `schemaVersion: 1.0
phases:
  - name: build
    steps:
      - name: SeesCredentials
        action: ExecuteBash
        inputs:
          commands:
            - test "$AWS_SECRET_ACCESS_KEY" = ` + key + `
            - echo "the key is $AWS_SECRET_ACCESS_KEY"
`
	if err := os.WriteFile(component, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := b.command("bake", "--base", "debian:bookworm", "--bootstrap", "s3://acme/scripts/bootstrap.sh", "--secrets", "s3://acme/secrets",
		"--components", component)
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL="+server.URL, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY="+key,
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}

	for _, value := range []string{key, "tok_99887766554433aa", "key_0a1b2c3d4e5f6071"} {
		if strings.Contains(out.String(), value) {
			t.Errorf("the output shows %s:\n%s", value, out.String())
		}
	}

	if !strings.Contains(out.String(), "the key is ***") || !strings.Contains(out.String(), "found ***") {
		t.Errorf("the steps' output is missing:\n%s", out.String())
	}
}

// A step that asks for a reboot finds the disk as it left it and memory empty, and the run continues where it was.
func TestRebootInABake(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	component := filepath.Join(t.TempDir(), "reboots.yml")

	text := `schemaVersion: 1.0
phases:
  - name: build
    steps:
      - name: Before
        action: ExecuteBash
        inputs:
          commands:
            - echo "before" | tee -a /var/steps /tmp/in-memory
      - name: Again
        action: ExecuteBash
        inputs:
          commands:
            - echo "again" >>/var/steps
            - test "$(grep -c again /var/steps)" -ge 3 || exit 194
            - test ! -e /tmp/in-memory
      - name: Next
        action: Reboot
      - name: After
        action: ExecuteBash
        inputs:
          commands:
            - echo "after {{ build.Before.outputs.stdout }}" >>/var/steps
            - test -s /tmp/secrets/token
`
	if err := os.WriteFile(component, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	id := b.run("bake", "--base", "debian:bookworm", "--components", component,
		"--secrets", b.secrets(map[string]string{"token": "tok_aabbccddeeff0011\n"}))
	b.run("bake", b.script(`test "$(tr '\n' ' ' </var/steps)" = "before again again again after before "`), "--base", id)
}
