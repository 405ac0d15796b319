// Package programtest builds the program for tests: bakes unshare, exec themselves and run inside sandboxes, so tests
// need the real static binary.
//
// Nothing of the product imports it.
package programtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Path returns the path of the program. Each process builds it once, on the first call. TestMain calls Remove at its
// end.
func Path(tb testing.TB) string {
	tb.Helper()
	path, err := built()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// Remove removes the program, if it was built.
func Remove() {
	if dir != "" {
		_ = os.RemoveAll(dir) // a directory of its own under the system's temporary one
	}
}

// dir contains the program after the first call.
var dir string

var built = sync.OnceValues(func() (string, error) {
	var err error
	dir, err = os.MkdirTemp("", "image-builder-program-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "image-builder")
	build := exec.Command("go", "build", "-o", path, "image-builder/cmd/image-builder")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build image-builder: %w\n%s", err, out)
	}

	return path, nil
})
