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
		println(debug.SetGCPercent(-1)) // the value until now
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// What the user asks for with GOGC counts; else a start is left alone.
func TestTheUsersOwnSettingCounts(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{"": "400", "70": "70"} {
		self := exec.CommandContext(t.Context(), os.Args[0])
		self.Env = []string{shown + "=1", "GOGC=" + setting}
		out, err := self.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("with GOGC=%q the collector starts at %s %%, want %s: %v", setting, got, want, err)
		}
	}
}
