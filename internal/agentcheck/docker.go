package agentcheck

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The daemon's configuration, which the boot scripts change by jq, and its data where that names no other directory.
const (
	daemonFile = "etc/docker/daemon.json"
	dockerData = "var/lib/docker"
)

// daemon is what the configuration says of where images are. https://docs.docker.com/reference/cli/dockerd/
type daemon struct {
	DataRoot string `json:"data-root"`
	Driver   string `json:"storage-driver"`
}

// dockerRemapped is a directory of Docker's data for a user namespace: UID.GID.
var dockerRemapped = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// dockerImages looks for images where the daemon of a default stack, which remaps users, does not.
func dockerImages(t tree) []Finding {
	agent, known := t.agent()
	if !known || agent.uid != agentID {
		return nil // said already
	}

	var config daemon
	if text := t.text(daemonFile); t.has(daemonFile) && json.Unmarshal([]byte(text), &config) != nil {
		return finding("/"+daemonFile+" is not JSON: the boot scripts empty it, and the Docker daemon does not start",
			"correct it, or write {} to it: jq . /"+daemonFile+" shows where it is wrong")
	}

	root := dockerData
	if config.DataRoot != "" {
		root = strings.TrimPrefix(path.Clean("/"+config.DataRoot), "/")
	}

	seen := path.Join(root, fmt.Sprintf("%d.%s", agent.uid, t.dockerGroup()))
	elsewhere := t.imagesBesides(seen, root, config.Driver)
	if len(elsewhere) == 0 {
		return nil
	}

	return finding(fmt.Sprintf("Docker images are in %s, and the daemon of a stack with EnableDockerUserNamespaceRemap (the default) looks in /%s%s: they are pulled again",
		strings.Join(elsewhere, ", "), seen, driven(config.Driver)),
		"bake them with docker-images: in the recipe; if the stack does not remap users, leave this check out: --skip-check docker-images")
}

// driven adds the storage driver to a directory, if one is configured.
func driven(driver string) string {
	if driver == "" {
		return ""
	}
	return ", for " + driver + ","
}

// dockerGroup is the number of group docker, to which the boot scripts map the group of containers.
func (t tree) dockerGroup() string {
	for line := range strings.Lines(t.text("etc/group")) {
		if field := strings.Split(strings.TrimSpace(line), ":"); field[0] == "docker" && len(field) > 2 {
			return field[2]
		}
	}
	return "GID"
}

// imagesBesides lists what holds named images that a daemon which looks in seen, by a storage driver, does not show; an
// empty driver is the one that has them.
func (t tree) imagesBesides(seen, root, driver string) []string {
	var found []string
	for _, base := range slices.Compact([]string{root, dockerData}) {
		dirs := []string{base}
		for _, entry := range t.names(base) {
			if dockerRemapped.MatchString(entry.Name()) {
				dirs = append(dirs, path.Join(base, entry.Name()))
			}
		}

		for _, dir := range dirs {
			for _, with := range t.imageDrivers(dir) {
				switch {
				case dir != seen:
					found = append(found, "/"+dir)
				case driver != "" && with != driver:
					found = append(found, "/"+dir+" (for "+with+")")
				}
			}
		}
	}

	return slices.Compact(found)
}

// imageDrivers lists the storage drivers that have named images in a Docker data directory.
func (t tree) imageDrivers(dir string) []string {
	var drivers []string
	for _, driver := range t.names(dir + "/image") {
		var list struct{ Repositories map[string]json.RawMessage }
		text := t.text(path.Join(dir, "image", driver.Name(), "repositories.json"))
		if driver.Type() != fs.ModeSymlink && json.Unmarshal([]byte(text), &list) == nil && len(list.Repositories) > 0 {
			drivers = append(drivers, driver.Name())
		}
	}
	return drivers
}
