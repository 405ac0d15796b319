package templates_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/base/basetest"
	"image-builder/internal/component"
	"image-builder/internal/disk"
	"image-builder/internal/mountns/mountnstest"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/nspawn"
	"image-builder/internal/testbed/programtest"
	"image-builder/templates"
)

func TestMain(m *testing.M) {
	mountnstest.Enter()
	status := m.Run()
	programtest.Remove()
	os.Exit(status)
}

// machine is a Debian disk brought up as a bake does, with the directories that a bake shows to it.
type machine struct {
	*nspawn.Machine
	t *testing.T
	// secrets is what the machine sees at /tmp/secrets, unless it has none of its own; bucket is s3://local.
	secrets, bucket, control string
}

// options say how a machine differs from the one that a bake without Docker images gets.
type options struct {
	nesting, noSecrets bool
	shares             []sandbox.Share // besides those of every bake
}

func start(t *testing.T, o options) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("brings up disks and containers: run as root")
	}
	m := &machine{t: t, secrets: t.TempDir(), bucket: t.TempDir(), control: t.TempDir()}
	work := t.TempDir()
	raw := filepath.Join(work, "disk.raw")
	if err := disk.Clone(t.Context(), raw, basetest.Debian(t).Disk, nil); err != nil {
		t.Fatal(err)
	}

	shares := []sandbox.Share{
		{Source: programtest.Path(t), Target: "/run/image-builder/image-builder", ReadOnly: true},
		{Source: m.control, Target: "/run/image-builder/control", ReadOnly: true},
		{Source: m.bucket, Target: "/run/image-builder/bucket", ReadOnly: true},
	}

	if !o.noSecrets {
		shares = append(shares, sandbox.Share{Source: m.secrets, Target: "/tmp/secrets"})
	}

	shares = append(shares, o.shares...)
	dir := filepath.Join(work, "machine")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	m.Machine, err = nspawn.Start(t.Context(), nspawn.Config{Disk: raw, WorkDir: dir, Shares: shares, Nesting: o.nesting})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := m.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})

	return m
}

// parameters are a document's, by name.
type parameters map[string]string

// document runs phases of an embedded document and returns all that the run wrote.
func (m *machine) document(name, phases string, values parameters) (string, error) {
	m.t.Helper()
	text, err := templates.Files.ReadFile("components/" + name)
	if err != nil {
		m.t.Fatal(err)
	}
	var list []component.Parameter
	for name, value := range values {
		list = append(list, component.Parameter{Name: name, Value: value})
	}

	config, err := json.Marshal(map[string]any{
		"phases":    phases,
		"documents": []map[string]any{{"path": "/run/image-builder/control/" + name, "parameters": list}},
	})
	if err != nil {
		m.t.Fatal(err)
	}

	write(m.t, filepath.Join(m.control, name), string(text))
	write(m.t, filepath.Join(m.control, "run.json"), string(config))
	return m.run("/run/image-builder/image-builder", "component", "run", "--config", "/run/image-builder/control/run.json",
		"--log-directory", "/run/log", "--bucket", "local=/run/image-builder/bucket", "--stream")
}

// bake runs the build and validate phases, as a bake does, then the test phase as on a machine that was just started.
func (m *machine) bake(name string, values parameters) {
	m.t.Helper()

	for _, phases := range []string{"build,validate", "test"} {
		begin := time.Now()
		if out, err := m.document(name, phases, values); err != nil {
			m.t.Fatalf("%s, %s: %v\n%s", name, phases, err, out)
		}
		m.t.Logf("%s, %s: %.1f s", name, phases, time.Since(begin).Seconds())
		if err := m.Reboot(m.t.Context()); err != nil {
			m.t.Fatal(err)
		}
	}
}

// fails runs a phase that must fail and returns what it wrote.
func (m *machine) fails(name, phases string, values parameters) string {
	m.t.Helper()
	out, err := m.document(name, phases, values)
	if err == nil {
		m.t.Fatalf("%s, %s: it succeeds\n%s", name, phases, out)
	}
	return out
}

// bash runs a script that must succeed and returns its standard output.
func (m *machine) bash(lines ...string) string {
	m.t.Helper()
	out, err := m.run("bash", "-c", "set -euo pipefail\n"+strings.Join(lines, "\n"))
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", lines, err, out)
	}
	return strings.TrimSpace(out)
}

func (m *machine) run(args ...string) (string, error) {
	var out bytes.Buffer
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "WORKING_DIRECTORY=/tmp"}
	err := m.Run(m.t.Context(), sandbox.Command{Args: args, Env: env, Stdout: &out, Stderr: &out})
	return out.String(), err
}

// exists reports whether something is at path on the disk.
func (m *machine) exists(path string) bool {
	m.t.Helper()
	root, err := os.OpenRoot(m.Root())
	if err != nil {
		m.t.Fatal(err)
	}
	defer root.Close()
	_, err = root.Lstat(strings.TrimPrefix(path, "/"))
	return err == nil
}

func (m *machine) secret(name, value string) { write(m.t, filepath.Join(m.secrets, name), value) }

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in:\n%s", want, text)
		}
	}
}
