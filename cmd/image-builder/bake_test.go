package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/testbed/programtest"
)

// builder is a data directory with the Debian base in it, and the program to use it with.
type builder struct {
	t    *testing.T
	path string
	dir  string
	// tests lets bakes test images as they do by default.
	tests bool
	env   []string // of the program, besides this process's
}

// emptyBuilder has no base.
func emptyBuilder(t *testing.T) builder {
	t.Helper()
	return emptyBuilderIn(t, t.TempDir())
}

func emptyBuilderIn(t *testing.T, dir string) builder {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("bakes attach disks and start containers: run as root")
	}
	return builder{t: t, path: programtest.Path(t), dir: dir}
}

// command bakes without a test stage, unless args or the builder say otherwise: most tests are about something else, and a virtual
// machine takes long.
func (b builder) command(args ...string) *exec.Cmd {
	if !b.tests && len(args) > 0 && args[0] == "bake" && !slices.Contains(args, "--test") {
		args = append(slices.Clone(args), "--test", "none")
	}
	cmd := exec.Command(b.path, append([]string{"--data-dir", b.dir}, args...)...)
	cmd.Env = append(append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true"), b.env...)
	return cmd
}

// run runs the program, which must succeed, and returns its standard output without the last newline.
func (b builder) run(args ...string) string {
	b.t.Helper()
	out, code, text := b.try(args...)
	if code != 0 {
		b.t.Fatalf("image-builder %s: exit status %d\n%s", strings.Join(args, " "), code, text)
	}
	return out
}

// try runs the program and returns its standard output, exit status and standard error.
func (b builder) try(args ...string) (stdout string, code int, stderr string) {
	b.t.Helper()
	cmd := b.command(args...)
	var out, text bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &text
	err := cmd.Run()

	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}

	return strings.TrimSuffix(out.String(), "\n"), cmd.ProcessState.ExitCode(), text.String()
}

// script writes an executable bash script and returns its path.
func (b builder) script(lines ...string) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "bootstrap.sh")
	text := "#!/bin/bash\nset -euo pipefail\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// secrets writes a directory of secrets and returns its path.
func (b builder) secrets(values map[string]string) string {
	b.t.Helper()
	dir := b.t.TempDir()
	for name, value := range values {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	return dir
}

func (b builder) show(id string) image.Image {
	b.t.Helper()
	var img image.Image
	if err := json.Unmarshal([]byte(b.run("--json", "image", "show", id)), &img); err != nil {
		b.t.Fatal(err)
	}
	return img
}

// checkHostClean fails the test if anything of this data directory is still mounted, attached or running.
func (b builder) checkHostClean() {
	b.t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		b.t.Fatal(err)
	}

	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, b.dir+"/") {
			b.t.Errorf("still mounted: %s", line)
		}
	}

	backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, name := range backing {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), b.dir) {
			b.t.Errorf("still attached: %s: %s", name, text)
		}
	}

	if left, _ := os.ReadDir(filepath.Join(b.dir, "runs")); len(left) > 0 {
		b.t.Errorf("runs left behind: %v", left)
	}
	cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range cmdlines {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), b.dir) {
			b.t.Errorf("still running: %s: %q", name, text)
		}
	}
}

func TestBakeMakesImageParameterAndEvent(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	script := b.script(
		`test "$(cat /tmp/secrets/token)" = tok_2f6b1c0d9e8a7765`,
		`test "$(stat -c %a /tmp/secrets)" = 700`,
		`echo "using tok_2f6b1c0d9e8a7765 now"`,
		`echo baked > /etc/baked`,
	)

	id := b.run("bake", script, "--base", "debian:bookworm", "--output", "/buildkite/agent-ami",
		"--secrets", b.secrets(map[string]string{"token": "tok_2f6b1c0d9e8a7765\n"}))

	if got := b.run("parameter", "get", "/buildkite/agent-ami"); got != id {
		t.Errorf("parameter names %q, want %q", got, id)
	}
	want := fmt.Sprintf(`{"event": "NewImage", "NewImage": {"ami": "%s"}}`, id)
	if got := b.run("events"); got != want {
		t.Errorf("event is %s, want %s", got, want)
	}

	img := b.show(id)
	if img.Searched == nil || img.Searched.Patterns == 0 {
		t.Errorf("image records no search for secrets: %+v", img.Searched)
	}

	for _, step := range img.Steps {
		log, err := os.ReadFile(step.Log)
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
		if bytes.Contains(log, []byte("tok_2f6b1c0d9e8a7765")) {
			t.Errorf("log of step %s holds the secret", step.Name)
		}
	}

	b.checkHostClean()
}

func TestBakeThatLeaksKeepsNothing(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	secrets := b.secrets(map[string]string{"token": "tok_77aa0b1c2d3e4f50\n"})
	leak := b.script(`base64 /tmp/secrets/token > /etc/leaked`)

	_, code, text := b.try("bake", leak, "--base", "debian:bookworm", "--secrets", secrets)
	if code != 5 || !strings.Contains(text, "/etc/leaked") || strings.Contains(text, "tok_77aa0b1c2d3e4f50") {
		t.Errorf("exit status %d, want 5, the file named and the secret not:\n%s", code, text)
	}
	if got := b.run("image", "list"); strings.Contains(got, "img-") {
		t.Errorf("an image was kept:\n%s", got)
	}

	b.run("bake", leak, "--base", "debian:bookworm", "--secrets", secrets, "--allow-leak", "/etc/leaked")
	b.checkHostClean()
}

// A killed bake leaves the previous image current, and nothing that the next command does not clear.
func TestKillAtAnyMoment(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	bake := []string{
		"bake", b.script("for i in $(seq 20); do echo $i > /etc/step-$i; done; (sleep 1000 & ) ; sync"),
		"--base", "debian:bookworm", "--output", "/agent",
		"--secrets", b.secrets(map[string]string{"token": "tok_0badc0ffee0ddf00d\n"}),
	}

	start := time.Now()
	current := b.run(bake...)
	whole := time.Since(start)

	const moments = 32
	for i := range moments {
		cmd := b.command(bake...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), whole*time.Duration(i)/moments)
		<-ctx.Done()
		cancel()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()

		images := b.run("image", "list")
		parameter := b.run("parameter", "get", "/agent")
		if events := strings.Split(b.run("events"), "\n"); !strings.Contains(events[len(events)-1], parameter) {
			t.Errorf("killed at moment %d: the last event is %s, the parameter %s", i, events[len(events)-1], parameter)
		}
		if !strings.Contains(images, parameter) {
			t.Errorf("killed at moment %d: parameter names %s, which is not in the store:\n%s", i, parameter, images)
		}

		current = parameter
		b.checkHostClean()
	}

	if id := b.run(bake...); id == current {
		t.Errorf("a bake after the kills yielded the old image %s", id)
	}
}

func TestEightBakesOfOneBaseAtOnce(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	base := b.run("--json", "base", "list")
	var all sync.WaitGroup

	ids := make([]string, 8)
	for i := range ids {
		script := b.script(fmt.Sprintf("echo %d > /etc/number", i))
		all.Go(func() {
			out, code, text := b.try("bake", script, "--base", "debian:bookworm", "--output", "/agent")
			if code != 0 {
				t.Errorf("bake %d: exit status %d\n%s", i, code, text)
			}
			ids[i] = out
		})
	}

	all.Wait()
	distinct := map[string]bool{}
	for _, id := range ids {
		distinct[id] = true
	}

	if len(distinct) != len(ids) {
		t.Errorf("8 bakes yielded %d images: %v", len(distinct), ids)
	}
	if got := strings.Count(b.run("events"), "NewImage\": {"); got != len(ids) {
		t.Errorf("%d events, want %d", got, len(ids))
	}
	if got := b.run("--json", "base", "list"); got != base {
		t.Errorf("the base changed:\n%s\n%s", base, got)
	}

	b.checkHostClean()
}
