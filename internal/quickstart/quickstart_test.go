package quickstart

import (
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
)

const shown = "QUICKSTART_SHOW"

func TestMain(m *testing.M) {
	if os.Getenv(shown) != "" {
		println(debug.SetMemoryLimit(-1), debug.SetGCPercent(-1)) // the values until now
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// What the user asks for with GOGC counts; else a start is left alone.
func TestTheUsersOwnSettingCounts(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{"": "134217728 400", "GOGC=70": "9223372036854775807 70", "GOMEMLIMIT=64MiB": "67108864 400"} {
		self := exec.CommandContext(t.Context(), os.Args[0])
		self.Env = []string{shown + "=1", setting}
		out, err := self.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("with %q limit and percentage are %s, want %s: %v", setting, got, want, err)
		}
	}
}
