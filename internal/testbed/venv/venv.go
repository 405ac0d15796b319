// Package venv gives tests a Python interpreter and a Node with the independent programs that check this project.
// Every package is pinned, in requirements.txt and package-lock.json, and installed once into the cache directory,
// from wheels only and without running packages' scripts.
//
// Nothing of the product imports it, and it does not touch the machine's own Python or Node.
package venv

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed requirements.txt
var requirements []byte

// patience bounds each program of an installation: 700 MB are fetched and unpacked, and a Rust program with the AWS
// SDK is compiled.
const patience = 45 * time.Minute

// Python returns the interpreter of the environment; programs of its packages lie beside it. Without Python, or a
// package index, the test is skipped, or fails if CI is set.
func Python(tb testing.TB) string {
	tb.Helper()
	path, err := python()
	need(tb, err)
	return path
}

// Interpreter is Python for programs that are not tests.
func Interpreter() (string, error) { return python() }

// need skips a test without its programs, or fails it if CI is set.
func need(tb testing.TB, err error) {
	tb.Helper()
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		tb.Fatal(err)
	}
	tb.Skip("needs python3-venv and a Python package index, those for Node an npm registry, coldsnap cargo and a crate registry, and buildkite-agent a Go module proxy:", err)
}

var python = sync.OnceValues(func() (string, error) {
	dir, err := installed("test-python", requirements, func(dir string) error {
		list := filepath.Join(dir, "requirements.txt")
		if err := os.WriteFile(list, requirements, 0o644); err != nil {
			return err
		}
		if err := run(dir, "python3", "-m", "venv", "--clear", filepath.Join(dir, "venv")); err != nil {
			return err
		}
		return run(dir, filepath.Join(dir, "venv", "bin", "python"),
			"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--requirement", list)
	})

	return filepath.Join(dir, "venv", "bin", "python"), err
})

// installed returns the cache directory for pins, installing on first use; concurrent callers wait.
func installed(name string, pins []byte, install func(dir string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "image-builder", fmt.Sprintf("%s-%x", name, sha256.Sum256(pins))[:len(name)+17])
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
	done := filepath.Join(dir, "done")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	if err := install(dir); err != nil {
		return "", err
	}

	return dir, os.WriteFile(done, nil, 0o644)
}

// run runs a program that installs something. If it takes too long, its own children end with it: a compiler that cargo
// started would go on for minutes.
func run(dir string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Dir = dir
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }

	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", args, err, bytes.TrimSpace(out))
	}
	return nil
}
