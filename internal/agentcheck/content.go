package agentcheck

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"image-builder/internal/recipe"
)

const mirrorsDir = agentHome + "/git-mirrors"

// origin is the line of a mirror's configuration that names its repository.
var origin = regexp.MustCompile(`(?s)\[remote "origin"\][^\[]*?\n\s*url\s*=\s*([^\n]+)`)

func mirrors(t tree) []Finding {
	var found []Finding
	add := func(text, next string) { found = append(found, Finding{Text: text, Hint: next}) }
	for _, entry := range t.names(mirrorsDir) {
		name := path.Join(mirrorsDir, entry.Name())

		if !entry.IsDir() {
			if strings.HasSuffix(name, "lock") {
				add("/"+name+" is left: the agent waits for a fetch that nobody makes", "rm /"+name)
			}
			continue
		}
		if !t.has(name+"/HEAD") || !t.has(name+"/objects") {
			add("/"+name+" is not a git mirror: the agent fetches the whole repository again", "git clone --mirror URL /"+name+"; or git-mirrors: in the recipe")
			continue
		}

		t.mirror(name, add)
	}

	return found
}

// mirror checks one mirror.
func (t tree) mirror(name string, add func(text, next string)) {
	if match := origin.FindStringSubmatch("\n" + t.text(name+"/config")); match != nil {
		url := strings.TrimSpace(match[1])
		if right := recipe.MirrorName(url); right != path.Base(name) {
			add(fmt.Sprintf("/%s mirrors %s, which the agent looks for in %s: it fetches the whole repository again", name, url, right),
				fmt.Sprintf("mv /%s /%s/%s", name, mirrorsDir, right))
		}
	} else {
		add("/"+name+" has no remote origin: the agent cannot fetch into it", "git -C /"+name+" remote add --mirror=fetch origin URL")
	}

	loose, lock := t.loose(name)
	if lock != "" {
		add("/"+lock+" is left by a git that was killed: the agent's fetch fails", "rm /"+lock)
	}

	packs := 0
	for _, entry := range t.names(name + "/objects/pack") {
		if strings.HasSuffix(entry.Name(), ".pack") {
			packs++
		}
	}

	if loose || packs > 1 {
		add(fmt.Sprintf("/%s is not packed: each of its files is loaded, and its owner set, at every boot", name),
			fmt.Sprintf("git -C /%s repack -a -d && git -C /%s pack-refs --all", name, name))
	}
}

// loose reports whether a mirror has loose objects or references, and the first lock file in it.
func (t tree) loose(name string) (loose bool, lock string) {
	_ = fs.WalkDir(t, name, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is not judged
		}
		below := strings.TrimPrefix(file, name+"/")

		if entry.IsDir() {
			if below == "objects/pack" {
				return fs.SkipDir
			}
			return nil
		}

		switch {
		case strings.HasSuffix(file, ".lock"):
			lock = file
		case strings.HasPrefix(below, "refs/"):
			loose = true
		case strings.HasPrefix(below, "objects/") && !strings.HasPrefix(below, "objects/info/"):
			loose = true
		}

		return nil
	})

	return loose, lock
}
