package stacktest_test

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"image-builder/templates/stacktest"
)

//go:embed requirements.txt
var requirements []byte

// environment makes the virtual environment with what requirements.txt names, once, in the cache directory.
var environment = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "image-builder", fmt.Sprintf("test-python-%x", sha256.Sum256(requirements))[:28])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", err
	}
	python, done := filepath.Join(dir, "venv", "bin", "python"), filepath.Join(dir, "done")
	if _, err := os.Stat(done); err == nil {
		return python, nil
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", filepath.Join(dir, "venv")},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	return python, os.WriteFile(done, nil, 0o644)
})

// python returns the interpreter of the environment. Without Python, or a package index, the test is skipped, but not
// where CI is set.
func python(t *testing.T) string {
	t.Helper()
	path, err := environment()
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	t.Skip("needs python3-venv and a Python package index:", err)
	return ""
}

// jsonata is an Evaluator in another process.
type jsonata struct {
	in  *json.Encoder
	out *bufio.Reader
}

func newJSONata(t *testing.T) *jsonata {
	t.Helper()
	process := exec.CommandContext(t.Context(), python(t), "evaluate.py")
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = process.Wait() // the test's end may have stopped it
	})
	return &jsonata{json.NewEncoder(in), bufio.NewReader(out)}
}

func (j *jsonata) Evaluate(expression string, variables map[string]any) (any, error) {
	if err := j.in.Encode(map[string]any{"expression": expression, "variables": variables}); err != nil {
		return nil, err
	}
	line, err := j.out.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	var answer struct {
		Value     any
		Undefined bool
		Error     string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, err
	}
	if answer.Undefined {
		return nil, fmt.Errorf("%s: %w", expression, stacktest.ErrUndefined)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", expression, answer.Error)
	}
	return answer.Value, nil
}
