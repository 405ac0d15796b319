package release

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// Mappings are the AMIs of a release: by region, then by system.
type Mappings map[string]map[string]string

// System is an operating system on an architecture, for which there may be an AMI.
type System struct {
	OS   string // amazonlinux2023, ubuntu2404, windows
	Arch image.Arch
}

func (s System) String() string { return fmt.Sprintf("%s on %s", s.OS, s.Arch) }

// key is the name of a system in mappings.yml: linuxamd64, ubuntu2404arm64, windows.
func (s System) key() string {
	arch := map[image.Arch]string{image.X86_64: "amd64", image.ARM64: "arm64"}[s.Arch]
	switch s.OS {
	case "windows":
		return map[string]string{"amd64": "windows"}[arch]
	case "amazonlinux2023":
		return "linux" + arch
	}
	return s.OS + arch
}

// system reads a key; false for one of another form.
func system(key string) (System, bool) {
	if key == "windows" {
		return System{key, image.X86_64}, true
	}

	for suffix, arch := range map[string]image.Arch{"amd64": image.X86_64, "arm64": image.ARM64} {
		if os, ok := strings.CutSuffix(key, suffix); ok && os != "" {
			if os == "linux" {
				os = "amazonlinux2023"
			}
			return System{os, arch}, true
		}
	}

	return System{}, false
}

var word = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// Parse reads mappings.yml. It leaves out texts that are not AMI IDs: a branch's build covers only some systems.
func Parse(text []byte) (Mappings, error) {
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		return nil, fmt.Errorf("this is not a mappings.yml: %w", err)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return nil, errors.New("this is not a mappings.yml: it is empty")
	}

	regions := value(value(root.Content[0], "Mappings"), "AWSRegion2AMI")
	found := Mappings{}
	for i := 0; regions != nil && i+1 < len(regions.Content); i += 2 {
		region := regions.Content[i].Value
		systems := map[string]string{}
		for j, node := 0, regions.Content[i+1]; node.Kind == yaml.MappingNode && j+1 < len(node.Content); j += 2 {
			key := node.Content[j].Value
			id := node.Content[j+1].Value
			if word.MatchString(key) && image.IsAMI(id) {
				systems[key] = id
			}
		}

		if word.MatchString(region) && len(systems) > 0 {
			found[region] = systems
		}
	}

	if len(found) == 0 {
		return nil, errors.New("this is not a mappings.yml: under Mappings, AWSRegion2AMI there is no AMI")
	}
	return found, nil
}

// value returns the map or text at a key of a map; nil if there is none. It does not follow aliases.
func value(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// Find returns the AMI of a system in a region. The error lists the alternatives.
func (m Mappings) Find(region string, wanted System) (string, error) {
	systems, ok := m[region]
	if !ok {
		var names []string
		for name := range m {
			names = append(names, name)
		}
		return "", unusable(fmt.Sprintf("the release has no AMIs in %s", region), "it has some in "+listed(names)+": name one with --region, and copy its AMI")
	}

	if id := systems[wanted.key()]; id != "" {
		return id, nil
	}
	var names []string
	for key := range systems {
		if s, known := system(key); known {
			names = append(names, s.String())
		}
	}

	return "", unusable(fmt.Sprintf("the release has no AMI of %s in %s", wanted, region), "it has "+listed(names)+": choose with --os and --arch")
}

// listed joins sorted names into a sentence of bounded length.
func listed(names []string) string {
	const most = 40
	slices.Sort(names)
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// unusable says that there is no such AMI, or that it does not match its description.
func unusable(reason, hint string) error {
	return fault.New(fault.NotUsable, errors.New("resolve base: "+reason), hint)
}
