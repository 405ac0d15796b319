package base

import (
	"strings"
	"testing"
)

func TestOnlySourcesOfTheSuiteAreUsed(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]bool{
		"bookworm": true, "bookworm-updates": true, "bookworm-security": true,
		"bookworm-backports": false, "trixie": false, "bookwormish": false,
	} {
		if got := belongs(release, "bookworm"); got != want {
			t.Errorf("%s: got %v", release, got)
		}
	}
}

func TestPasswordsOfSourcesStayOut(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://mirror.example/debian": false, "https://me:hush@mirror.example/debian": true,
		"https://me@mirror.example/debian": true, "file:/srv/mirror": false, "https://%zz": true,
	} {
		if got := hasUser(address); got != want {
			t.Errorf("%s: got %v", address, got)
		}
	}
}

func TestBuildRefusesWhatItCannotBuild(t *testing.T) {
	t.Parallel()
	for reason, d := range map[string]Debian{
		"is not the name of a Debian suite": {Suite: "Bookworm; rm -rf /"},
		"without user and password":         {Suite: "bookworm", Mirror: "https://me:hush@mirror.example/debian"},
		"too small":                         {Suite: "bookworm", Size: 5},
	} {
		m := maker(t)
		if _, err := m.Build(t.Context(), d); err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v, want one that says %q", err, reason)
		}
	}
}
