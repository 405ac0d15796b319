package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"image-builder/internal/fault"
	"image-builder/internal/progress"
)

// awstoe runs `component ARGS…` and returns its output and exit status.
func awstoe(ctx context.Context, t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var command struct {
		Component ComponentCmd `cmd:""`
	}
	var out, log bytes.Buffer
	parser, err := kong.New(&command, kong.Exit(func(int) {}), kong.Writers(&out, &log))
	if err != nil {
		t.Fatal(err)
	}

	parsed, err := parser.Parse(append([]string{"component"}, args...))
	if err != nil {
		return "", err.Error(), fail(ctx, &log, usageError(err))
	}
	parsed.BindTo(ctx, (*context.Context)(nil))

	if err := parsed.Run(&Env{Stdout: &out, Stderr: &log, Now: time.Now}); err != nil {
		status = fail(ctx, &log, err)
	}

	return out.String(), log.String(), status
}

// save writes a file into a new directory.
func save(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const greeting = `
name: Greeting
schemaVersion: 1.0
parameters:
  - Whom: {type: string, default: world}
phases:
  - name: build
    steps:
      - name: Hello
        action: ExecuteBash
        inputs: {commands: ["echo hello '{{ Whom }}'; echo \"$HOME|$WORKING_DIRECTORY\" >&2"]}
  - name: validate
    steps:
      - name: Check
        action: ExecuteBash
        inputs: {commands: ["test '{{ build.Hello.outputs.stdout }}' = 'hello moon, mars'"]}
`

// decodeResult reads the last line of stdout, or all of it.
func decodeResult(t *testing.T, text string) runResult {
	t.Helper()
	var result runResult
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return result
}

func TestComponentRun(t *testing.T) {
	t.Parallel()
	file := save(t, "greeting.yml", greeting)
	logs := t.TempDir()
	stdout, stderr, status := awstoe(t.Context(), t, "run", "-d", file, "--parameters", "Whom=moon, mars,Other=x", "-l", logs, "-i", "run-1")
	got := decodeResult(t, stdout)
	want := runResult{ExecutionID: "run-1", Status: "success", ExecutedStepCount: 2, LogURL: got.LogURL}
	if status != 0 || got != want {
		t.Errorf("status %d, got %+v, want %+v\n%s", status, got, want, stderr)
	}

	if dir, name := filepath.Split(got.LogURL); filepath.Clean(dir) != logs || !strings.HasPrefix(name, "TOE_") || !strings.HasSuffix(name, "_UTC-0_run-1") {
		t.Errorf("logs are in %s", got.LogURL)
	}
	console, err := os.ReadFile(filepath.Join(got.LogURL, "console.log"))
	if err != nil {
		t.Fatal(err)
	}

	for _, line := range []string{"Z Document " + file, "Z Phase build", "Z Step Hello", "Z Stdout: hello moon, mars", "Z Stderr: |/tmp", "Z TOE has completed execution successfully"} {
		if !strings.Contains(string(console), line+"\n") {
			t.Errorf("console.log lacks %q:\n%s", line, console)
		}
	}

	if left, _ := filepath.Glob(logs + "/TOE_STATE*"); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
}

func TestComponentRunFails(t *testing.T) {
	t.Parallel()
	file := save(t, "greeting.yml", greeting)

	for _, test := range []struct {
		name    string
		args    []string
		status  int
		message string // of the result
		says    string
	}{
		{"a step", []string{"-d", file}, 1, "Document " + file + " failed!", "run step Check of " + file + " (validate)"},
		{"only some phases", []string{"-d", file, "-p", "build"}, 0, "", ""},
		{"no such phase", []string{"-d", file, "-p", "test"}, 0, "", ""},
		{"no such document", []string{"-d", "/no/such"}, 1, "open document: open /no/such: no such file or directory", "no such file"},
		{"by ARN", []string{"arn:aws:imagebuilder:us-west-2:123456789012:component/x/1.0.0/1"}, 1, "", "save the document to a file"},
		{"a document with faults", []string{"-d", save(t, "bad.yml", strings.Replace(greeting, "ExecuteBash", "ExecuteBosh", 1))}, 1, "", "did you mean ExecuteBash?"},
		{"no document", nil, 2, "", "name a document to run"},
		{"config beside documents", []string{"-c", "x", "-d", file}, 2, "", "not both"},
		{"an empty parameter", []string{"-d", file, "--parameters", "Whom="}, 2, "", "write name=value"},
		{"a blocked action", []string{"-d", file, "--blocked-action-modules", "Reboot,ExecuteBash"}, 1, "", "is blocked"},
		{"CloudWatch", []string{"-d", file, "--cw-log-group", "g"}, 2, "", "upload that with --log-s3-bucket-name"},
		{"a bucket that is not a directory", []string{"-d", file, "--bucket", "b=" + file}, 2, "", "it is not a directory"},
		{"an unknown flag", []string{"-d", file, "--no-such"}, 2, "", "--no-such"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, status := awstoe(t.Context(), t, append([]string{"run", "-l", t.TempDir()}, test.args...)...)
			if status != test.status || !strings.Contains(stderr, test.says) {
				t.Errorf("status %d, want %d; stderr:\n%s", status, test.status, stderr)
			}
			if status == 2 {
				return
			}
			if result := decodeResult(t, stdout); (test.message != "" && result.FailureMessage != test.message) || (result.Status == "success") != (status == 0) {
				t.Errorf("result is %+v", result)
			}
		})
	}
}

func TestComponentRunWithConfig(t *testing.T) {
	t.Parallel()
	file := save(t, "greeting.yml", greeting)
	logs := t.TempDir()
	bucket := t.TempDir()

	config, err := json.Marshal(map[string]any{
		"documents":  []any{map[string]any{"path": file, "parameters": []any{map[string]string{"name": "Whom", "value": "moon, mars"}}}},
		"parameters": []any{map[string]string{"name": "Whom", "value": "sun"}},
		"phases":     "build, validate", "executonId": "run-2", "logDirectory": logs, "logS3BucketName": "logs", "logS3KeyPrefix": "some/where",
	})
	if err != nil {
		t.Fatal(err)
	}

	stdout, stderr, status := awstoe(t.Context(), t, "run", "-c", save(t, "c.json", string(config)), "--bucket", "logs="+bucket)
	result := decodeResult(t, stdout)
	if status != 0 || result.ExecutionID != "run-2" || result.ExecutedStepCount != 2 {
		t.Errorf("status %d, %+v\n%s", status, result, stderr)
	}

	for _, name := range []string{"console.log", "application.log", "detailedoutput.json", "chaining.json", "D0__greeting.yml"} {
		uploaded, err := os.ReadFile(filepath.Join(bucket, "some/where", filepath.Base(result.LogURL), name))
		here, err2 := os.ReadFile(filepath.Join(result.LogURL, name))
		if err := errors.Join(err, err2); err != nil || !bytes.Equal(uploaded, here) || len(here) == 0 {
			t.Errorf("%s: %d bytes uploaded, %d here, %v", name, len(uploaded), len(here), err)
		}
	}
}

func TestComponentRunStreams(t *testing.T) {
	t.Parallel()
	stdout, stderr, status := awstoe(t.Context(), t, "run", "--stream", "--home", "/root", "-l", t.TempDir(), save(t, "greeting.yml", greeting))
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	result := decodeResult(t, lines[len(lines)-1])
	if status != 1 || result.FailedStepCount != 1 || result.ExecutedStepCount != 2 {
		t.Errorf("status %d, %+v\n%s", status, result, stderr)
	}

	var seen []string
	for _, line := range lines[:len(lines)-1] {
		var event progress.Event
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		seen = append(seen, strings.Join([]string{string(event.Kind), event.Step.Name, event.Stream, event.Text, string(event.Status)}, "|"))
	}

	want := []string{
		"step-started|Hello|||", "step-output|Hello|stdout|hello world|", "step-output|Hello|stderr|/root\\|/tmp|", "step-done|Hello|||success",
		"step-started|Check|||", "step-done|Check||exit status 1|failed",
	}
	// stdout and stderr are two pipes, so their order is unknown.
	if len(seen) != len(want) || !strings.Contains(strings.Join(seen, "\n"), "stderr|/root|/tmp|") || seen[0] != want[0] || seen[5] != want[5] || seen[3] != want[3] {
		t.Errorf("got\n%s", strings.Join(seen, "\n"))
	}
}

const rebooting = `
schemaVersion: 1.0
phases:
  - name: build
    steps:
      - name: Once
        action: ExecuteBash
        inputs: {commands: ["echo once >>$TRACE; test $(grep -c once $TRACE) -gt 1 || exit 194"]}
      - name: Boot
        action: Reboot
        inputs: {delaySeconds: 0}
      - name: After
        action: ExecuteBash
        inputs: {commands: ["echo after >>$TRACE"]}
`

func TestComponentRunReboots(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	logs := t.TempDir()
	t.Setenv("TRACE", trace)
	file := save(t, "reboot.yml", rebooting)

	var folders []string
	for i, want := range []int{194, 194, 0} {
		stdout, stderr, status := awstoe(t.Context(), t, "run", "-d", file, "-l", logs)
		if status != want || (want == 194) != strings.Contains(stderr, "run the same command again") {
			t.Fatalf("run %d: status %d, want %d\n%s%s", i, status, want, stdout, stderr)
		}
		folders = append(folders, decodeResult(t, stdout).LogURL)
	}

	if folders[0] != folders[2] {
		t.Errorf("logs are in %q", folders)
	}
	if got, err := os.ReadFile(trace); err != nil || string(got) != "once\nonce\nafter\n" {
		t.Errorf("steps did %q, %v", got, err)
	}

	var details struct {
		Documents []struct {
			Phases []struct {
				Steps []struct{ Name, Status, Inputs string }
			}
		}
	}

	text, err := os.ReadFile(filepath.Join(folders[0], "detailedoutput.json"))
	if err := errors.Join(err, json.Unmarshal(text, &details)); err != nil {
		t.Fatal(err)
	}

	for _, step := range details.Documents[0].Phases[0].Steps {
		if step.Status != "success" || step.Inputs == "" {
			t.Errorf("detailedoutput.json says %+v", step)
		}
	}
}

func TestComponentRunTraces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()

	file := save(t, "greeting.yml", greeting)
	for _, args := range [][]string{{"--no-log"}, {"-l", dir}} {
		stdout, stderr, status := awstoe(t.Context(), t, append([]string{"run", "--trace", "-s", dir, "-p", "build", file}, args...)...)
		if status != 0 || !strings.Contains(stderr, "Stdout: hello world\n") {
			t.Errorf("%q: status %d\n%s", args, status, stderr)
		}
		if logs := decodeResult(t, stdout).LogURL; (logs == "") != (args[0] == "--no-log") {
			t.Errorf("%q: logs are in %q", args, logs)
		}
	}
}

func TestComponentRunInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, stderr, status := awstoe(ctx, t, "run", "-l", t.TempDir(), save(t, "greeting.yml", greeting))
	if status != int(fault.Interrupted) {
		t.Errorf("status %d\n%s", status, stderr)
	}
}

func TestComponentValidate(t *testing.T) {
	t.Parallel()
	good := save(t, "good.yml", greeting)

	bad := save(t, "bad.yml", strings.Replace(greeting, "commands", "command", 1))
	for _, test := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr string
	}{
		{"valid", []string{"-d", good}, 0, `{"validationStatus":"success","message":"Document(s) [` + good + `] is/are valid."}`, ""},
		{"nothing", nil, 0, `"success"`, ""},
		{"one of two is not", []string{"-d", good + "," + bad}, 1, `"failed"`, "bad.yml:11:"},
		{"not on this platform", []string{"-d", good, "--os-platforms", "linux,windows"}, 1, `"failed"`, "ExecuteBash does not run on Windows"},
		{"unknown platform", []string{"-d", good, "--os-platforms", "beos"}, 2, "", "linux"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, status := awstoe(t.Context(), t, append([]string{"validate"}, test.args...)...)
			if status != test.status || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
				t.Errorf("status %d\n%s%s", status, stdout, stderr)
			}
		})
	}
}
