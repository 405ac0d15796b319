// Package venv gives tests a Python interpreter with the foreign programs that check this project: every package is
// pinned in requirements.txt and installed once, from wheels only, into a virtual environment in the cache directory.
//
// Nothing of the product imports it, and it touches no Python of the machine's own.
package venv

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

//go:embed requirements.txt
var requirements []byte

// Python returns the interpreter of the environment; programs of its packages lie beside it. Without Python, or a
// package index, the test is skipped, but not where CI is set.
func Python(t testing.TB) string {
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
	return python, install(dir, python, done)
})

func install(dir, python, done string) error {
	list := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(list, requirements, 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", filepath.Join(dir, "venv")},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--requirement", list},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	return os.WriteFile(done, nil, 0o644)
}
