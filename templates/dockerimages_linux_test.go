package templates_test

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// publish serves an image on loopback and returns its reference. Its second layer deletes a file of the first.
func publish(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)

	picture, err := mutate.AppendLayers(empty.Image, layer(t, "etc/kept", "etc/deleted"), layer(t, "etc/.wh.deleted"))
	if err != nil {
		t.Fatal(err)
	}
	reference := strings.TrimPrefix(server.URL, "http://") + "/acme/tool:1.0"
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}

	if err := remote.Write(tag, picture); err != nil {
		t.Fatal(err)
	}
	return reference
}

func layer(t *testing.T, files ...string) v1.Layer {
	t.Helper()
	var text bytes.Buffer
	archive := tar.NewWriter(&text)
	for _, file := range files {
		if err := archive.WriteHeader(&tar.Header{Name: file, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}

	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	made, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}

	return made
}

// agentsDaemon starts Docker with the configuration that the stack writes at boot, and runs a command of its client.
// Only networks and cgroups, which this machine has no room for, are left out.
func (m *machine) agentsDaemon(config string, client ...string) string {
	m.t.Helper()
	return m.bash(
		"mkdir -p /run/agent; echo '"+config+"' >/run/agent/daemon.json",
		"dockerd --config-file /run/agent/daemon.json --bridge=none --iptables=false --ip6tables=false --ip-forward=false >/run/agent/log 2>&1 &",
		"for try in {1..100}; do docker version >/dev/null 2>&1 && break; sleep 0.1; done",
		strings.Join(client, " ")+" || { status=$?; tail /run/agent/log >&2; exit $status; }",
		"kill %1; wait",
	)
}

func TestDockerImages(t *testing.T) {
	t.Parallel()
	reference := publish(t)
	m := start(t, options{nesting: true})
	values := parameters{"Images": reference}
	contains(t, m.fails("docker-images.yml", "build", values), "docker-images needs Docker in the base", "docker.io")
	m.bake("packages.yml", parameters{"Packages": "docker.io"})
	m.bash("mkdir -p /etc/docker", `echo '{"data-root": "/var/lib/docker", "bip": "10.9.9.1/24", "userns-remap": "nobody"}' >/etc/docker/daemon.json`)
	m.bake("docker-images.yml", values)

	for _, left := range []string{"/etc/docker/key.json", "/root/.docker"} {
		if m.exists(left) {
			t.Errorf("%s is left behind", left)
		}
	}

	remapped := `{"userns-remap": "buildkite-agent"}`
	if got := m.agentsDaemon(remapped, "docker image ls --format '{{.Repository}}:{{.Tag}}'"); got != reference {
		t.Errorf("the agent's daemon has the images %q, want %s", got, reference)
	}
	if got := m.agentsDaemon("{}", "docker image ls --quiet"); got != "" {
		t.Errorf("a daemon without remapping sees %s: the remapping was not used", got)
	}

	gid := m.bash("getent group docker | cut -d: -f3")
	data := "/var/lib/docker/2000." + gid
	if !m.exists(data + "/image/overlay2/repositories.json") {
		t.Errorf("there are no images in %s", data)
	}
	want := "buildkite-agent:2000:1\nbuildkite-agent:100000:65536\nbuildkite-agent:" + gid + ":1\nbuildkite-agent:100000:65536"
	if got := m.bash("cat /etc/subuid /etc/subgid"); got != want {
		t.Errorf("IDs are mapped\n%s\nwant\n%s", got, want)
	}

	// Container root is the agent's user, and overlayfs' mark of the deleted file is one that the booted kernel knows.
	files := m.bash("cd "+data+"/overlay2", "find */diff/etc -mindepth 1 -printf '%f %y %U:%G\\n' | sort")
	if want := "deleted c 2000:" + gid + "\ndeleted f 2000:" + gid + "\nkept f 2000:" + gid; files != want {
		t.Errorf("the layers are\n%s\nwant\n%s", files, want)
	}
	contains(t, m.fails("docker-images.yml", "build", parameters{"Images": strings.Replace(reference, "tool", "missing", 1)}), "missing")
	contains(t, m.fails("docker-images.yml", "test", parameters{"Images": strings.Replace(reference, "1.0", "2.0", 1)}), "2.0")
	contains(t, m.fails("docker-images.yml", "build", parameters{"Images": reference, "UsernsRemap": "nobody-here"}), "correct UsernsRemap")

	values["UsernsRemap"] = ""
	m.bake("docker-images.yml", values)

	if got := m.agentsDaemon("{}", "docker image ls --format '{{.Repository}}:{{.Tag}}'"); got != reference {
		t.Errorf("a daemon without remapping has the images %q, want %s", got, reference)
	}
}
