package fit

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"image-builder/internal/image"
)

// stack is a template with the known settings.
type stack struct {
	template Template
	settings map[string]string
}

// setting is a parameter's value, or the template's default; "" for a parameter that the template does not have.
func (s stack) setting(name string) string {
	if value, known := s.settings[name]; known {
		return value
	}
	return s.template.Defaults[name]
}

// gib is a GiB in bytes, the unit of EBS volume sizes.
const gib = 1 << 30

// machine compares the image's needs with the instances that the stack starts.
func machine(img Image, s stack) []Break {
	var breaks []Break
	first, _, _ := strings.Cut(s.setting("InstanceTypes"), ",")
	first = strings.TrimSpace(first)
	if arch := archOf(first); first != "" && img.Arch != "" && arch != img.Arch {
		breaks = append(breaks, Break{
			Name: "architecture", Text: fmt.Sprintf("the image is for %s, but the stack starts %s, which is %s: EC2 refuses every launch", img.Arch, first, arch),
			Hint: "set the stack's InstanceTypes to types of the image's architecture, or bake from a base of the other one",
		})
	}

	size, err := strconv.ParseInt(s.setting("RootVolumeSize"), 10, 64)
	if need := (img.Size + gib - 1) / gib; err == nil && need > size {
		breaks = append(breaks, Break{
			Name: "root volume", Text: fmt.Sprintf("the image needs a root volume of %d GiB, but the stack's RootVolumeSize is %d: EC2 refuses every launch", need, size),
			Hint: fmt.Sprintf("set the stack's RootVolumeSize to %d or more", need),
		})
	}

	return append(breaks, rootDevice(img.Tree, s)...)
}

// graviton matches the families with an AWS processor: a1, and those with a "g" after the generation.
var graviton = regexp.MustCompile(`^(a1|[a-z]+[0-9]+g[a-z]*)\.`)

func archOf(instanceType string) image.Arch {
	if graviton.MatchString(instanceType) {
		return image.ARM64
	}
	return image.X86_64
}

// distributions maps the values of LinuxDistribution to the ID in os-release and the root device of their AMIs.
var distributions = map[string]struct{ id, device string }{
	"amazonlinux2023": {"amzn", "/dev/xvda"},
	"ubuntu2404":      {"ubuntu", "/dev/sda1"},
}

// rootDevice compares the image's distribution with the one whose root device the stack uses. With another device the
// instance gets a second, empty volume, and a root volume of the snapshot's size.
func rootDevice(tree fs.FS, s stack) []Break {
	wanted, known := distributions[s.setting("LinuxDistribution")]
	id := osRelease(tree)
	if !known || id == "" || id == wanted.id || s.setting("RootVolumeName") != "" {
		return nil
	}

	for name, distribution := range distributions {
		if distribution.id == id {
			return []Break{{
				Name: "root device", Text: fmt.Sprintf("the image's root device is %s, but the stack maps %s for LinuxDistribution %s: the root volume keeps the snapshot's size, and an empty second volume is attached",
					distribution.device, wanted.device, s.setting("LinuxDistribution")),
				Hint: fmt.Sprintf("set the stack's LinuxDistribution to %s, or RootVolumeName to %s", name, distribution.device),
			}}
		}
	}

	return nil
}

// osRelease is the ID in /etc/os-release, which is often a link within /usr.
func osRelease(tree fs.FS) string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			if id, found := strings.CutPrefix(lines.Text(), "ID="); found {
				return strings.Trim(id, `"'`)
			}
		}
	}

	return ""
}
