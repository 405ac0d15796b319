package venv

import (
	"path/filepath"
	"runtime"
	"testing"
)

// Guard returns cfn-guard, and the directory with AWS's rules for the proactive controls of Control Tower, of package.json.
// It has programs for Linux and macOS. Without an npm registry the test is skipped, or fails if CI is set.
func Guard(tb testing.TB) (program, rules string) {
	tb.Helper()
	_, modules := Node(tb)
	system := map[string]string{"linux": "ubuntu", "darwin": "macos"}[runtime.GOOS]
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]

	dir := filepath.Join(modules, "@cdklabs/cdk-validator-cfnguard")
	return filepath.Join(dir, "bin", system, machine, "cfn-guard"), filepath.Join(dir, "rules/control-tower/cfn-guard")
}
