package fit

import (
	"debug/buildinfo"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Where an Elastic CI Stack's AMI keeps the things that a bake adds.
const (
	mirrors = "var/lib/buildkite-agent/git-mirrors"
	docker  = "var/lib/docker"
)

// baked warns of baked content that the stack's settings hide.
func baked(tree fs.FS, s stack) []Break {
	var warnings []Break
	hasMirrors := slices.ContainsFunc(entries(tree, mirrors), fs.DirEntry.IsDir)
	plainImages := hasImages(tree, docker)
	remapped := hasRemapped(tree)

	if hasMirrors && s.setting("BuildkiteAgentEnableGitMirrors") == "false" {
		warnings = append(warnings, Break{
			Name: "git mirrors", Text: "the image has git mirrors, but the agent uses none: BuildkiteAgentEnableGitMirrors is false",
			Hint: "set the stack's BuildkiteAgentEnableGitMirrors to true",
		})
	}

	if s.setting("EnableInstanceStorage") == "true" && (hasMirrors || plainImages || remapped) {
		warnings = append(warnings, Break{
			Name: "instance storage", Text: "git mirrors and Docker images of the image are hidden: EnableInstanceStorage mounts the instance's own disks over them at boot",
			Hint: "set the stack's EnableInstanceStorage to false, or choose instance types without instance storage",
		})
	}

	remap := s.setting("EnableDockerUserNamespaceRemap")
	if remap == "true" && plainImages && !remapped {
		warnings = append(warnings, Break{
			Name: "docker images", Text: "the image's Docker images are in /var/lib/docker, but with EnableDockerUserNamespaceRemap the daemon looks in a directory below it: it would pull them again",
			Hint: "bake them with docker-images in the recipe, which puts them there, or set EnableDockerUserNamespaceRemap to false",
		})
	}

	if remap == "false" && remapped && !plainImages {
		warnings = append(warnings, Break{
			Name: "docker images", Text: "the image's Docker images are for a daemon with user namespaces, but EnableDockerUserNamespaceRemap is false: it would pull them again",
			Hint: "set the stack's EnableDockerUserNamespaceRemap to true",
		})
	}

	return warnings
}

func entries(tree fs.FS, name string) []fs.DirEntry {
	list, err := fs.ReadDir(tree, name)
	if err != nil {
		return nil
	}
	return list
}

// hasImages reports whether a Docker data root contains an image.
func hasImages(tree fs.FS, root string) bool {
	return len(entries(tree, root+"/image/overlay2/imagedb/content/sha256")) > 0
}

// userNamespace matches the data root of a daemon with user namespaces: UID.GID.
var userNamespace = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

func hasRemapped(tree fs.FS) bool {
	for _, entry := range entries(tree, docker) {
		if userNamespace.MatchString(entry.Name()) && hasImages(tree, docker+"/"+entry.Name()) {
			return true
		}
	}
	return false
}

// agentMajor is the major version of the agent that the boot scripts of a release expect.
var agentMajor = map[string]string{"v5": "v3", "v6": "v3", "v7": "v4"}

// agent compares the image's agent with the one that the template's release expects. It reads the major version from
// the module path in the binary's build information, and executes nothing.
func agent(tree fs.FS, s stack) []Break {
	release := s.setting("BuildkiteAgentRelease")
	major, _, _ := strings.Cut(s.template.Version, ".")
	wanted := agentMajor[major]
	if release == "" || release == "edge" || release == "oldstable" || wanted == "" {
		return nil // edge agents are downloaded at boot
	}

	name := "usr/bin/buildkite-agent-" + release
	info, err := goModule(tree, name)
	if err != nil || info == "" || strings.HasSuffix(info, "/"+wanted) {
		return nil
	}

	return []Break{{
		Name: "agent", Text: fmt.Sprintf("/%s is %s, but a stack of %s is made for agent %s: the agent may refuse the configuration that the boot script writes", name, info, s.template.Version, wanted),
		Hint: base(s.template.Version),
	}}
}

// goModule is the path of a Go binary's main module.
func goModule(tree fs.FS, name string) (string, error) {
	file, err := tree.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read

	reader, seekable := file.(io.ReaderAt)
	if !seekable {
		return "", nil
	}
	info, err := buildinfo.Read(reader)
	if err != nil {
		return "", err
	}

	return info.Main.Path, nil
}
