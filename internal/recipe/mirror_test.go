package recipe

import "testing"

func TestMirrorName(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ url, want string }{
		"scp-like":             {"git@github.com:org/repo.git", "git-github-com-org-repo-git"},
		"https":                {"https://github.com/inc/p.git", "https---github-com-inc-p-git"},
		"ssh with a port":      {"ssh://git@host:22/a/b", "ssh---git-host-22-a-b"},
		"case stays":           {"git@Host:Org/Repo", "git-Host-Org-Repo"},
		"runs stay":            {"a//b__c..d", "a--b--c--d"},
		"ends stay":            {"/srv/git/", "-srv-git-"},
		"letters beyond ASCII": {"git@host:café/straße", "git-host-caf--stra-e"},
		"digits beyond ASCII":  {"host:٣/x", "host---x"},
		"one dash a rune":      {"host:日本/😀", "host-----"},
		"combining mark":       {"host:e\u0301", "host-e-"},
		"not UTF-8":            {"host:\xff\xfe", "host---"},
		"empty":                {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := MirrorName(test.url); got != test.want {
				t.Errorf("MirrorName(%q) = %q, want %q", test.url, got, test.want)
			}
		})
	}
}
