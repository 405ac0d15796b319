package agentcheck

import (
	"encoding/json"
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

// dockerRemapped is a directory of Docker's data for a user namespace: UID.GID.
var dockerRemapped = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// dockerImages looks for images where the daemon of a default stack, which remaps users, does not.
func dockerImages(t tree) []Finding {
	const dir = "var/lib/docker"
	agent, known := t.agent()
	if !known || agent.uid != agentID {
		return nil // said already
	}
	var elsewhere []string
	for _, entry := range t.names(dir) {
		if dockerRemapped.MatchString(entry.Name()) && !strings.HasPrefix(entry.Name(), fmt.Sprintf("%d.", agent.uid)) && t.hasImages(path.Join(dir, entry.Name())) {
			elsewhere = append(elsewhere, "/"+path.Join(dir, entry.Name()))
		}
	}

	if t.hasImages(dir) {
		elsewhere = append(elsewhere, "/"+dir)
	}

	if len(elsewhere) == 0 {
		return nil
	}

	return finding(fmt.Sprintf("Docker images are in %s, and the daemon of a stack with EnableDockerUserNamespaceRemap (the default) looks in /%s/%d.GID: they are pulled again",
		strings.Join(elsewhere, ", "), dir, agent.uid),
		"bake them with docker-images: in the recipe; if the stack does not remap users, leave this check out: --skip-check docker-images")
}

// hasImages reports whether a Docker data directory has named images.
func (t tree) hasImages(dir string) bool {
	for _, driver := range t.names(dir + "/image") {
		var list struct{ Repositories map[string]json.RawMessage }
		text := t.text(path.Join(dir, "image", driver.Name(), "repositories.json"))
		if json.Unmarshal([]byte(text), &list) == nil && len(list.Repositories) > 0 {
			return true
		}
	}
	return false
}
