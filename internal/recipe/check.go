package recipe

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"image-builder/internal/finding"
	"image-builder/internal/image"
	"image-builder/internal/schedule"
)

var (
	// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateImagePipeline.html
	imageName = regexp.MustCompile(`^[-_A-Za-z0-9][-_A-Za-z0-9 ]{1,126}[-_A-Za-z0-9]$`)
	// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_SsmParameterConfiguration.html
	packageName = regexp.MustCompile(`^[A-Za-z0-9@][A-Za-z0-9@._+~:=/*-]*$`)
	sizeText    = regexp.MustCompile(`^([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(MiB|GiB|TiB)$`)
	looseSize   = regexp.MustCompile(`(?i)^([0-9.]+)\s*([mgt])i?b?$`)
	number      = regexp.MustCompile(`^[0-9]+$`)
	prefix      = regexp.MustCompile(`^([a-z]+):`)
)

func checkName(v value) (string, *fault) {
	if imageName.MatchString(v.text) {
		return v.text, nil
	}
	return "", &fault{
		code: finding.RecipeName, message: fmt.Sprintf("%q is not an image name", v.text),
		right: "write 3 to 128 of A-Z a-z 0-9 - _ and blanks inside, like agent-linux",
	}
}

func checkOutput(v value) (string, *fault) {
	if bare, prefixed := strings.CutPrefix(v.text, "ssm:"); prefixed {
		return "", &fault{code: finding.RecipeOutput, message: "the output is the bare parameter name", right: "write " + bare, length: len("ssm:")}
	}
	if wrong := (*image.NameError)(nil); errors.As(image.CheckNewParameterName(v.text), &wrong) {
		return "", &fault{code: finding.RecipeOutput, message: wrong.Message, right: wrong.Right}
	}
	return v.text, nil
}

func checkSchedule(v value) (string, *fault) {
	_, err := schedule.Parse(v.text, "")
	return v.text, scheduleFault(err)
}

func checkZone(v value) (string, *fault) {
	_, err := schedule.Zone(v.text)
	return v.text, scheduleFault(err)
}

func scheduleFault(err error) *fault {
	var wrong *schedule.Error
	if !errors.As(err, &wrong) {
		return nil
	}
	message := wrong.Message

	if wrong.Field != "" {
		message = wrong.Field + ": " + message
	}

	return &fault{
		code: finding.RecipeSchedule, message: message, right: wrong.Right, offset: wrong.Offset, length: wrong.Length,
	}
}

func checkDisk(v value) (string, *fault) {
	size, err := parseSize(v.text)
	if err == nil && size >= 1<<20 && size <= 64<<40 {
		return v.text, nil
	}
	wrong := &fault{code: finding.RecipeDisk, message: fmt.Sprintf("%q is not a disk size", v.text), right: "write a size like 20GiB"}

	if err == nil {
		wrong.message = fmt.Sprintf("a disk has 1MiB to 64TiB, not %s", v.text)
	} else if loose := looseSize.FindStringSubmatch(v.text); loose != nil {
		wrong.right = fmt.Sprintf("write %s%siB", loose[1], strings.ToUpper(loose[2]))
	} else if number.MatchString(v.text) {
		wrong.right = fmt.Sprintf("say the unit: write %sGiB", v.text)
	}

	return "", wrong
}

// parseSize reads 20GiB as bytes, whole sectors of 512 bytes.
func parseSize(text string) (int64, error) {
	parts := sizeText.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("read size %q: no number with MiB, GiB or TiB", text)
	}
	count, err := strconv.ParseFloat(parts[1], 64)
	unit := map[string]float64{"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[parts[2]]
	return int64(min(count*unit, 1<<62)) &^ 511, err
}

func checkTimeout(v value) (string, *fault) {
	limit, err := time.ParseDuration(v.text)
	if err == nil && limit > 0 {
		return v.text, nil
	}
	wrong := &fault{code: finding.RecipeTimeout, message: fmt.Sprintf("%q is not a duration", v.text), right: "write one like 90m or 2h"}
	if number.MatchString(v.text) {
		wrong.right = fmt.Sprintf("say the unit: write %ss or %sm", v.text, v.text)
	}
	return "", wrong
}

func checkTest(v value) (string, *fault) {
	if _, _, err := image.ParseTest(v.text); err != nil {
		return "", &fault{code: finding.RecipeTest, message: err.Error(), right: testForms}
	}
	return v.text, nil
}

func checkPrefetch(v value) (string, *fault) {
	if v.text != "true" && v.text != "false" {
		return "", &fault{code: finding.RecipeType, message: fmt.Sprintf("prefetch is true or false, not %q", v.text), right: "write prefetch: true, or leave it out"}
	}
	return v.text, nil
}

func checkLeak(v value) (string, *fault) {
	if strings.HasPrefix(v.text, "/") && !slices.Contains(strings.Split(v.text, "/"), "..") {
		return v.text, nil
	}
	return "", &fault{
		code: finding.RecipeLeak, message: fmt.Sprintf("%q is not an absolute path in the image", v.text),
		right: "write the file's path as the image has it, like /etc/app/license.key",
	}
}

func checkDocker(v value) (string, *fault) {
	if _, err := name.ParseReference(v.text); err == nil {
		return v.text, nil
	}
	wrong := &fault{
		code: finding.RecipeDocker, message: fmt.Sprintf("%q is not an image reference", v.text),
		right: "write [registry/]repository[:tag|@sha256:…] in lower case",
	}

	if _, rest, found := strings.Cut(v.text, "://"); found {
		wrong.message = "an image reference has no scheme"
		wrong.right = "write " + rest
	} else if lower := strings.ToLower(v.text); lower != v.text {
		if _, err := name.ParseReference(lower); err == nil {
			wrong.right = "write " + lower
		}
	}

	return "", wrong
}

// managers are what people write instead of gem: and npm:.
var managers = []string{"pip", "pip3", "pypi", "cargo", "go", "gems", "rubygems", "node", "yarn", "apt", "dnf", "yum", "deb", "rpm", "brew", "snap"}

func checkPackage(v value) (string, *fault) {
	text, kind := v.text, ""
	if found := prefix.FindStringSubmatch(text); found != nil {
		kind = found[1]
	}

	wrong := &fault{code: finding.RecipePackage, message: fmt.Sprintf("%q is not a package name", text), right: "write a name like jq, gem:bundler or npm:yarn"}
	switch {
	case kind == "gem" || kind == "npm":
		text = strings.TrimPrefix(text, kind+":")
	case slices.Contains(managers, kind):
		wrong.message = fmt.Sprintf("packages of %q are not known", kind)
		wrong.right = "write a system package, gem:NAME or npm:NAME; install others in the bootstrap script"
		wrong.length = len(kind) + 1
		return "", wrong
	}

	if packageName.MatchString(text) {
		return v.text, nil
	}

	if strings.ContainsAny(text, " ,") {
		wrong.right = "write each package as an entry of its own"
	}

	return "", wrong
}
