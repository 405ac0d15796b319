package image

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Distribution is a release of a Linux distribution from which a base can be built.
type Distribution struct {
	Vendor string // debian or ubuntu
	Suite  string // the archive's name of the release: bookworm, noble
}

// String is how a recipe names the distribution: debian:bookworm.
func (d Distribution) String() string { return d.Vendor + ":" + d.Suite }

// Vendors are the distributions that can be built.
func Vendors() []string { return []string{"debian", "ubuntu"} }

// Suites returns a vendor's releases that this program knows, the recommended one first. An archive may have others,
// so a suite outside the list can still be right. https://www.debian.org/releases/ https://wiki.ubuntu.com/Releases
func Suites(vendor string) []string {
	return map[string][]string{
		"debian": {"bookworm", "sid", "forky", "trixie", "bullseye", "testing", "stable", "unstable", "oldstable", "oldoldstable", "buster"},
		"ubuntu": {"noble", "questing", "plucky", "jammy", "focal", "bionic"},
	}[vendor]
}

var suiteName = regexp.MustCompile(`^[a-z][a-z0-9-]{1,30}$`)

// ParseDistribution reads VENDOR:SUITE. It returns false if the text does not start with one of Vendors, and an
// error, which says what to write, if the suite cannot be a suite's name.
func ParseDistribution(text string) (Distribution, bool, error) {
	vendor, suite, _ := strings.Cut(text, ":")
	if !slices.Contains(Vendors(), vendor) || !strings.Contains(text, ":") {
		return Distribution{}, false, nil
	}

	d := Distribution{Vendor: vendor, Suite: suite}
	if !suiteName.MatchString(suite) {
		title := strings.ToUpper(vendor[:1]) + vendor[1:]
		return d, true, &NameError{fmt.Sprintf("%q is not a suite of %s", suite, title), "write " + vendor + ":" + Suites(vendor)[0]}
	}

	return d, true, nil
}
