package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"image-builder/internal/mountns/mountnstest"
	"image-builder/internal/testbed/programtest"
)

// tests runs the tests and removes the program that they built and the base that they pulled.
type tests struct{ *testing.M }

func (t tests) Run() int {
	defer programtest.Remove()
	defer func() { _ = os.RemoveAll(pulled.dir) }() // a directory of its own under the system's temporary one
	return t.M.Run()
}

// TestMain is also the program, as which scripts start this binary; the program enters mounts by itself.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "image-builder" {
		mountnstest.Enter()
	}
	testscript.Main(tests{m}, map[string]func(){
		"image-builder": main,
	})
}

// TestScripts runs what a user would type: testdata/script/*.txtar.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("IMAGE_BUILDER_DATA_DIR", filepath.Join(env.WorkDir, "data"))
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
	})
}
