package templates_test

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"image-builder/internal/recipe"
	"image-builder/internal/testbed/gitserver"
)

const mirrors = "/var/lib/buildkite-agent/git-mirrors/"

// onDisk tells which files of the disk hold text.
func (m *machine) onDisk(text string) string {
	m.t.Helper()
	search := exec.Command("grep", "-rlIF", "--devices=skip", "-f", "-", m.Root())
	search.Stdin = strings.NewReader(text)
	out, err := search.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 1 {
		m.t.Fatalf("grep: %v: %s", err, exit.Stderr)
	}
	return string(out)
}

func TestGitMirrors(t *testing.T) {
	t.Parallel()
	server := gitserver.Serve(t)
	m := start(t, options{})
	m.secret("private_ssh_key", strings.ReplaceAll(strings.TrimSpace(string(server.PrivateKey)), "\n", "\r\n")) // as a web form leaves it
	m.secret("known_hosts", string(server.KnownHosts))
	m.bake("git-mirrors.yml", parameters{"Repositories": server.URL})

	dir := mirrors + recipe.MirrorName(server.URL)
	got := m.bash(
		"cd "+dir,
		"find "+mirrors+" -printf '%u:%g\\n' | sort -u",
		"find objects -type f -printf '%f\\n' | sed 's/.*[.]//' | sort",
		"find refs -type f; find . -name '*.lock'",
		"git --git-dir . config remote.origin.url",
		"cut -d' ' -f2 packed-refs | grep ^refs",
		"git -c safe.directory='*' rev-parse HEAD",
	)

	want := "buildkite-agent:buildkite-agent\nidx\npack\n" + server.URL +
		"\nrefs/heads/main\nrefs/pull/7/head\nrefs/tags/v1.0\n" + server.Commit
	if got != want {
		t.Errorf("the mirror is\n%s\nwant\n%s", got, want)
	}
	key := bytes.Split(server.PrivateKey, []byte("\n"))[1]
	if found := m.onDisk(string(key)); found != "" {
		t.Errorf("the deploy key is in %s", found)
	}

	if m.exists("/root/.ssh/known_hosts") {
		t.Error("ssh left a known_hosts file")
	}
}

func TestGitMirrorsFetchIntoWhatTheBaseHas(t *testing.T) {
	t.Parallel()
	server := gitserver.Serve(t)
	m := start(t, options{})
	m.secret("id_ed25519", string(server.PrivateKey))
	dir := mirrors + recipe.MirrorName(server.URL)
	m.bash("export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b", "git init --quiet --bare "+dir, "cd "+dir, "git remote add origin https://elsewhere.example/x",
		`git update-ref refs/heads/deleted "$(git commit-tree -m old "$(git hash-object -wt tree /dev/null)")"`,
		"chown -R buildkite-agent: .", "touch "+dir+".clonelock")

	out, err := m.document("git-mirrors.yml", "build,validate", parameters{"Repositories": server.URL})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	contains(t, out, "host key is taken on trust")

	got := m.bash("cd "+dir, "cut -d' ' -f2 packed-refs | grep ^refs; git --git-dir . config remote.origin.url")
	if want := "refs/heads/main\nrefs/pull/7/head\nrefs/tags/v1.0\n" + server.URL; got != want {
		t.Errorf("the mirror has\n%s\nwant\n%s", got, want)
	}
	if m.exists(dir + ".clonelock") {
		t.Error("a stale lock would keep agents from fetching")
	}
}

func TestGitMirrorsFail(t *testing.T) {
	t.Parallel()
	server := gitserver.Serve(t)
	stranger := gitserver.Serve(t)

	m := start(t, options{})
	for _, test := range []struct {
		name          string
		key, known    []byte
		values        parameters
		want, without string
	}{
		{"no key", nil, server.KnownHosts, nil, "Permission denied", ""},
		{"another key", stranger.PrivateKey, server.KnownHosts, nil, "Permission denied", ""},
		{"another host", server.PrivateKey, stranger.KnownHosts, nil, "Host key verification failed", ""},
		{"no such user", server.PrivateKey, server.KnownHosts, parameters{"Owner": "nobody-here"}, "name the user of the agent in Owner", ""},
		{"password in the URL", nil, nil, parameters{"Repositories": "https://me:pa55word@host.example/x"}, "put it into git-credentials", "pa55word"},
		{"option for a URL", nil, nil, parameters{"Repositories": "--upload-pack=/bin/true"}, "starts with a dash", ""},
	} {
		m.secret("private_ssh_key", string(test.key))
		m.secret("known_hosts", string(test.known))

		if test.values["Repositories"] == "" {
			test.values = parameters{"Repositories": server.URL, "Owner": test.values["Owner"]}
			if test.values["Owner"] == "" {
				delete(test.values, "Owner")
			}
		}

		out := m.fails("git-mirrors.yml", "build", test.values)
		contains(t, out, test.want)
		if test.without != "" && strings.Contains(strings.ReplaceAll(out, test.values["Repositories"], ""), test.without) {
			t.Errorf("%s: the output tells it:\n%s", test.name, out)
		}
		if left := m.bash("ls -A " + mirrors + " /run/git-mirrors.* 2>/dev/null || true"); left != mirrors+":" && left != "" {
			t.Errorf("%s: left behind: %s", test.name, left)
		}
	}
}

func TestGitMirrorsValidateFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	server := gitserver.Serve(t)
	m := start(t, options{})
	m.secret("private_ssh_key", string(server.PrivateKey))
	m.secret("known_hosts", string(server.KnownHosts))
	values := parameters{"Repositories": server.URL}
	m.bake("git-mirrors.yml", values)

	dir := mirrors + recipe.MirrorName(server.URL)
	for _, test := range []struct{ spoil, repair, want string }{
		{"chown root packed-refs", "chown buildkite-agent packed-refs", "belongs to the user of the agent"},
		{"touch config.lock; chown buildkite-agent config.lock", "rm config.lock", "no lock file is left"},
		{"git rev-parse HEAD >refs/heads/x; chown buildkite-agent refs/heads/x", "rm refs/heads/x", "references are packed"},
		{"runuser -u buildkite-agent git config remote.origin.url x", "runuser -u buildkite-agent git config remote.origin.url " + server.URL, "origin is the URL"},
		{"mv objects/pack /var/tmp", "mv /var/tmp/pack objects", ""},
		{"mv HEAD /var/tmp", "mv /var/tmp/HEAD .", ""},
	} {
		m.bash("cd "+dir, "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'", test.spoil)
		contains(t, m.fails("git-mirrors.yml", "validate", values), test.want)
		m.bash("cd "+dir, test.repair)
	}

	if out, err := m.document("git-mirrors.yml", "validate", values); err != nil {
		t.Errorf("repaired: %v\n%s", err, out)
	}
}
