package lint

import (
	"fmt"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/finding"
)

const setHome = "set it first: `export HOME=/root`"

// homes warns where a step's commands need HOME and nothing has set it. Scripts of their own have it.
func homes(sh *shell) finding.List {
	if !sh.script.commands {
		return nil
	}
	set := func(offset int) bool { return sh.setsAt >= 0 && sh.setsAt <= offset }

	for _, offset := range sh.homes {
		if !set(offset) {
			return finding.List{warning(finding.HomeUnset, sh.script.place(offset), "HOME is not set where component documents run", setHome)}
		}
	}

	for _, offset := range sh.tildes {
		if !set(offset) {
			return finding.List{warning(finding.HomeUnset, sh.script.place(offset),
				"~ stands for HOME, which is not set where component documents run: bash asks the user database instead, sh and other programs do not",
				setHome+", or write the path: /root")}
		}
	}

	for _, c := range sh.calls {
		if c.name == "git" && firstWord(c.args) == "config" && hasLong(c, "--global") && !set(c.offset) {
			return finding.List{warning(finding.HomeUnset, sh.script.place(c.offset), "git config --global needs HOME, and HOME is not set where component documents run", setHome+", or use --system")}
		}
	}

	return nil
}

// literalHomes warns of ~ and $HOME in the inputs of a step that no shell reads: the action takes them as they stand.
func literalHomes(doc *component.Document, step *component.Step) finding.List {
	var found finding.List
	step.Inputs.Scalars(func(v *component.Value) {
		home := leadingHome(v.Text)
		if home == "" || len(found) > 0 {
			return
		}
		found = append(found, warning(finding.HomeUnset, doc.Locate(v, 0), fmt.Sprintf("%s is taken as it stands: no shell reads the inputs of %s", home, step.Action.Value),
			"write the path: /root"+strings.TrimPrefix(v.Text, home)))
	})
	return found
}

func leadingHome(text string) string {
	for _, home := range []string{"~", "$HOME", "${HOME}"} {
		if text == home || strings.HasPrefix(text, home+"/") {
			return home
		}
	}
	return ""
}

// pipefailInSh warns of a script that asks sh for what only some of them have.
func pipefailInSh(sh *shell) finding.List {
	if sh.script.commands || shebangProgram(sh.script.text) != "sh" {
		return nil
	}

	for _, c := range sh.calls {
		if c.name == "set" && hasLong(c, "pipefail") {
			return finding.List{warning(finding.PipefailInSh, sh.script.place(c.offset),
				"the #! line asks for sh, and where sh is dash, as on Ubuntu and Debian, this ends the script: it has no pipefail",
				"write #!/bin/bash on the first line")}
		}
	}

	return nil
}
