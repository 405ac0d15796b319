package main

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"image-builder/internal/base/basetest"
	"image-builder/internal/image"
	"image-builder/internal/sandbox/qemu"
)

// document writes a component document whose test phase runs a script.
func (b builder) document(build, test string) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "own.yml")
	step := func(name, script string) string {
		return "  - name: " + name + "\n    steps:\n      - name: Try\n        action: ExecuteBash\n        timeoutSeconds: 1200\n        inputs: {commands: ['" + script + "']}\n"
	}
	text := "schemaVersion: 1.0\nphases:\n" + step("build", build) + step("test", test)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// An image is tested as it was built, is not changed by that, and is not stored if it fails.
func TestImagesAreTested(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	const test = `test "$(cat /proc/1/comm)" = systemd; test -e /built; test ! -e /tried; test ! -e /tmp/secrets; touch /tried; echo looked`
	id := b.run("bake", "--name", "agent", "--base", "debian:bookworm", "--components", b.document("touch /built", test), "--test", "container")
	img := b.show(id)
	if img.Proof == nil || len(img.Proof.Steps) != 1 || img.Proof.Steps[0].Phase != "test" || len(img.Tests) != 1 {
		t.Fatalf("proof %+v, tests %v", img.Proof, img.Tests)
	}
	if text, err := os.ReadFile(img.Proof.Steps[0].Log); err != nil || string(text) != "looked\n" {
		t.Errorf("log %q: %v", text, err)
	}

	before := digestFile(t, img.Disk)
	if said := b.run("image", "test", id, "--test", "container"); !strings.HasPrefix(said, "container: booted in") {
		t.Error(said)
	}
	if digestFile(t, img.Disk) != before {
		t.Error("a test changed the image")
	}

	// A container's disk is neither slow nor seen.
	if _, code, text := b.try("image", "test", id, "--test", "container+job", "--cold", "5MiB/s"); code != 2 || !strings.Contains(text, "--test vm+job") {
		t.Errorf("exit status %d: %s", code, text)
	}
	if _, code, text := b.try("bake", "--base", "debian:bookworm", "--packages", "jq", "--test", "container", "--boot-budget", "job 60s at 5MiB/s"); code != 2 || !strings.Contains(text, "remove at from boot-budget") {
		t.Errorf("exit status %d: %s", code, text)
	}
	b.checkHostClean()
}

func TestImagesThatFailTheirTest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		build, test string
		flags       []string
		code        int
		want        []string
	}{
		"a step fails": {"true", "echo no such luck; exit 3", nil, 1, []string{"test image: run step Try of own.yml (test)", "no such luck", "--test none"}},
		"a step switches the machine off": {
			"true", "systemctl poweroff; sleep 1000", nil, 1,
			[]string{"step Try of own.yml switched the machine off"},
		},
		"a step hangs":  {"true", "sleep 1000", []string{"--timeout", "60s"}, 124, []string{"step Try of own.yml hangs", "raise timeout"}},
		"no init":       {"rm -f /sbin/init", "true", nil, 4, []string{"it has no init"}},
		"the disk full": {"fallocate -l 4G /full || fallocate -l 2G /full || true; df /; dd if=/dev/zero of=/full2 bs=1M || true", "true", nil, 4, []string{"its root filesystem is full"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder(t)
			args := append([]string{
				"bake", "--name", "agent", "--base", "debian:bookworm", "--output", "/agent",
				"--components", b.document(test.build, test.test), "--test", "container",
			}, test.flags...)
			_, code, text := b.try(args...)
			if code != test.code {
				t.Errorf("exit status %d, want %d", code, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("says %s\nwant %q", text, want)
				}
			}
			if strings.Contains(text, "detach") {
				t.Errorf("waited for its own disk: %s", text)
			}
			if left := b.run("image", "list"); left != "" {
				t.Errorf("stored: %s", left)
			}
			if left := b.run("parameter", "list"); strings.Contains(left, "/agent") {
				t.Errorf("announced: %s", left)
			}
			b.checkHostClean()
		})
	}
}

func digestFile(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(content)
}

// Where QEMU is installed, a virtual machine boots the image's own kernel, with a network.
func TestImagesAreTestedInAVirtualMachine(t *testing.T) {
	t.Parallel()
	if err := qemu.Preflight(image.HostArch()); err != nil {
		t.Skip(err)
	}
	b := newBuilder(t)
	b.tests = true
	const test = `test -e /built; test ! -e /tmp/secrets; ip -4 -o address show scope global | grep -q 10.0.2; echo runs $(uname -r)`
	id := b.run("bake", "--name", "agent", "--base", basetest.Quick(t), "--components", b.document("touch /built", test))
	img := b.show(id)
	if img.Proof == nil || img.Proof.In != image.TestVM || len(img.Proof.Steps) != 1 {
		t.Fatalf("proof %+v", img.Proof)
	}
	own, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(img.Proof.Steps[0].Log)
	if err != nil || !strings.HasPrefix(string(text), "runs ") || strings.Contains(string(text), strings.TrimSpace(string(own))) {
		t.Errorf("log %q: %v", text, err)
	}
	t.Logf("boot %s, whole test %s", time.Duration(img.Proof.Boot), time.Duration(img.Proof.Elapsed))
	b.checkHostClean()
}
