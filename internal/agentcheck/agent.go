package agentcheck

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/syntax"
)

const (
	agentName = "buildkite-agent"
	agentHome = "var/lib/buildkite-agent"
	agentID   = 2000 // user and group, as the stack's AMIs have them
)

// account is the agent's line of /etc/passwd.
type account struct {
	uid, gid int
	home     string
}

func (t tree) agent() (account, bool) {
	for line := range strings.Lines(t.text("etc/passwd")) {
		field := strings.Split(strings.TrimSpace(line), ":")
		if len(field) < 7 || field[0] != agentName {
			continue
		}
		uid, uidErr := strconv.Atoi(field[2])
		gid, gidErr := strconv.Atoi(field[3])
		return account{uid, gid, strings.Trim(field[5], "/")}, uidErr == nil && gidErr == nil
	}
	return account{}, false
}

func user(t tree) []Finding {
	const next = "bake from Buildkite's AMI: image-builder base resolve; or make the user: useradd --uid 2000 --user-group --groups docker buildkite-agent"
	found, known := t.agent()
	switch {
	case !known:
		return finding("the image has no user buildkite-agent: the agent's unit does not start", next)
	case found.uid != agentID || found.gid != agentID:
		return finding(fmt.Sprintf("user buildkite-agent is %d:%d, and the boot scripts map 2000:2000 for Docker: containers cannot write to checkouts", found.uid, found.gid), next)
	case found.home != agentHome:
		return finding("the home of buildkite-agent is /"+found.home+", and the boot scripts use /"+agentHome, next)
	}

	for line := range strings.Lines(t.text("etc/group")) {
		name, members, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "docker" && !strings.Contains(","+members[strings.LastIndex(members, ":")+1:]+",", ","+agentName+",") {
			return finding("user buildkite-agent is not in group docker: jobs cannot use Docker", "usermod --append --groups docker buildkite-agent")
		}
	}

	return nil
}

func directories(t tree) []Finding {
	owner, known := t.agent()
	if !known || owner.uid != agentID {
		return nil // said already
	}
	var found []Finding
	for _, dir := range []string{agentHome, agentHome + "/builds", agentHome + "/git-mirrors", agentHome + "/plugins", "etc/buildkite-agent", "etc/buildkite-agent/hooks"} {
		next := fmt.Sprintf("install --directory --owner=buildkite-agent --group=buildkite-agent /%s", dir)
		info, err := fs.Stat(t, dir)
		if err != nil || !info.IsDir() {
			found = append(found, Finding{Text: "/" + dir + " is not a directory: the agent does not start, or its first job fails", Hint: next})
			continue
		}

		if owned, ok := info.Sys().(*syscall.Stat_t); ok && (int(owned.Uid) != owner.uid || int(owned.Gid) != owner.gid) {
			found = append(found, Finding{
				Text: fmt.Sprintf("/%s belongs to %d:%d, not to buildkite-agent (%d:%d): jobs cannot write there", dir, owned.Uid, owned.Gid, owner.uid, owner.gid),
				Hint: fmt.Sprintf("chown buildkite-agent:buildkite-agent /%s", dir),
			})
		}
	}

	return found
}

// hooks reads the agent's hooks with a shell parser. A hook for another interpreter is only looked at for its mode.
func hooks(t tree) []Finding {
	const dir = "etc/buildkite-agent/hooks"
	var found []Finding
	for _, entry := range t.names(dir) {
		name := path.Join(dir, entry.Name())
		info, err := fs.Stat(t, name)
		if err != nil || !info.Mode().IsRegular() || path.Ext(entry.Name()) == ".sample" {
			continue
		}

		if info.Mode()&0o111 == 0 {
			found = append(found, Finding{Text: "/" + name + " is not executable: every job fails", Hint: "chmod +x /" + name})
		}

		text := t.text(name)
		if !isShell(text) {
			continue
		}

		if _, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "/"+name); err != nil {
			found = append(found, Finding{Text: fmt.Sprintf("the hook does not parse: %v: every job fails", err), Hint: "correct it; bash -n /" + name + " shows it, too"})
		}
	}

	return found
}

// isShell reports whether a script is one for a shell: the agent runs those without an interpreter line by bash.
func isShell(text string) bool {
	line, _, _ := strings.Cut(text, "\n")
	interpreter, found := strings.CutPrefix(line, "#!")
	if !found {
		return !strings.ContainsRune(text, 0)
	}

	for _, word := range strings.Fields(interpreter) {
		if base := path.Base(word); base == "sh" || base == "bash" || base == "dash" {
			return true
		}
	}

	return false
}
