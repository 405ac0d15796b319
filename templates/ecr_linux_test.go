package templates_test

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"image-builder/internal/sandbox"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/venv"
	"image-builder/internal/testbed/wire"
)

// publishToECR serves an image from a registry that wants ECR's tokens, and returns the registry's port.
func publishToECR(t *testing.T, cloud *testbed.Cloud, reference string) string {
	t.Helper()
	server := httptest.NewServer(cloud.ECR.Registry(registry.New(registry.Logger(log.New(io.Discard, "", 0)))))
	t.Cleanup(server.Close)

	picture, err := mutate.AppendLayers(empty.Image, layer(t, "etc/kept"))
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(server.URL, "http://")
	tag, err := name.NewTag(address + reference)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := cloud.Do("ecr", "GetAuthorizationToken", wire.Values{}); err != nil {
		t.Fatal(err)
	}
	pusher := authn.FromConfig(authn.AuthConfig{Username: "AWS", Password: cloud.ECR.Tokens()[0]})
	if err := remote.Write(tag, picture, remote.WithAuth(pusher)); err != nil {
		t.Fatal(err)
	}

	_, port, _ := strings.Cut(address, ":")
	return port
}

// awsFrom makes a machine's command aws: AWS's own CLI, which asks this account.
func awsFrom(cloud *testbed.Cloud) string {
	lines := []string{"cat >/usr/local/bin/aws <<'END'", "#!/bin/bash"}
	for _, variable := range cloud.Env() {
		lines = append(lines, "export '"+variable+"'")
	}
	lines = append(lines, `PYTHONPATH=/run/awscli exec python3 -c 'import sys, awscli.clidriver; sys.exit(awscli.clidriver.main())' "$@"`, "END", "chmod 755 /usr/local/bin/aws")
	return strings.Join(lines, "\n")
}

// awsPackages is the directory of AWS's CLI, whose packages are all Python.
func awsPackages(t *testing.T) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(filepath.Dir(venv.Python(t)), "../lib/python3*/site-packages"))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	return dirs[0]
}

// Images in ECR are pulled without a credential among the secrets: the instance's role has the right to a token.
func TestDockerImagesInECR(t *testing.T) {
	t.Parallel()
	cloud := testbed.Start(t)
	m := start(t, options{nesting: true, shares: []sandbox.Share{{Source: awsPackages(t), Target: "/run/awscli", ReadOnly: true}}})
	const repository = "/acme/tool:1.0"
	host := wire.Account + ".dkr.ecr." + wire.Region + ".amazonaws.com"
	registry := host + ":" + publishToECR(t, cloud, repository)
	values := parameters{"Images": registry + repository}

	m.bake("packages.yml", parameters{"Packages": "docker.io python3"})
	m.bash("mkdir -p /etc/docker", `echo '{"insecure-registries": ["`+registry+`"]}' >/etc/docker/daemon.json`, "echo 127.0.0.1 "+host+" >>/etc/hosts")
	contains(t, m.fails("docker-images.yml", "build", values), registry+" needs the AWS CLI in the base", "docker-config.json")
	m.bash(awsFrom(cloud))
	m.bake("docker-images.yml", values)

	tokens := cloud.ECR.Tokens()
	if got := m.agentsDaemon(`{"userns-remap": "buildkite-agent"}`, "docker image ls --format '{{.Repository}}:{{.Tag}}'"); got != values["Images"] || len(tokens) != 2 {
		t.Errorf("the agent's daemon has the images %q, want %s; %d tokens were given out, want 2", got, values["Images"], len(tokens))
	}
	if found := m.bash("grep -rlF '" + tokens[len(tokens)-1] + "' /etc /root /var /tmp /home || true"); found != "" {
		t.Errorf("the token stays in %s", found)
	}

	// Credentials among the secrets come first, also wrong ones; a role that may not is said.
	m.secret("docker-config.json", `{"auths": {"`+registry+`": {"auth": "QVdTOndyb25n"}}}`)
	missing := parameters{"Images": registry + "/acme/other:1.0"}
	contains(t, m.fails("docker-images.yml", "build", missing), "authentication required")
	if err := os.Remove(filepath.Join(m.secrets, "docker-config.json")); err != nil {
		t.Fatal(err)
	}
	cloud.Fail("ecr", "GetAuthorizationToken", wire.Fault{Code: "AccessDeniedException", Message: "not authorized to perform: ecr:GetAuthorizationToken"}, 1)
	contains(t, m.fails("docker-images.yml", "build", missing), "log in to "+registry, "not authorized to perform: ecr:GetAuthorizationToken", "give the instance a role that may")
}
