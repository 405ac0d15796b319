package action

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"image-builder/internal/component"
)

// The platforms that modules run on.
var (
	anywhere    = []component.Platform{component.Linux, component.Windows, component.MacOS}
	onUnix      = []component.Platform{component.Linux, component.MacOS}
	onWindows   = []component.Platform{component.Windows}
	onInstances = []component.Platform{component.Linux, component.Windows}
)

// need makes a required text input.
func need(name string, check func(string) error) component.Field {
	if check == nil {
		check = notEmpty
	}
	return component.Field{Name: name, Required: true, Check: check}
}

// text makes an optional text input.
func text(name string, check func(string) error) component.Field {
	return component.Field{Name: name, Check: check}
}

// flag makes an optional bool input.
func flag(name string, value bool) component.Field {
	return component.Field{Name: name, Kind: component.Bool, Default: strconv.FormatBool(value)}
}

func notEmpty(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	return nil
}

// lastStar checks a path in which "*" may stand, but only after the last separator.
func lastStar(path string) error {
	if dir, _ := split(path); strings.Contains(dir, "*") {
		return errors.New(`"*" may stand only after the last separator`)
	}
	return notEmpty(path)
}

func account(id string) error {
	if _, err := strconv.ParseUint(id, 10, 64); err != nil || len(id) != 12 {
		return errors.New("an account ID has 12 digits")
	}
	return nil
}

func webURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	if scheme := strings.ToLower(u.Scheme); (scheme != "http" && scheme != "https") || u.Host == "" {
		return errors.New("it must be a URL that starts with http:// or https://")
	}
	return nil
}

func objectURL(text string) error {
	_, _, err := parseObjectURL(text)
	return err
}

// parseObjectURL splits s3://bucket/key; key is not empty.
func parseObjectURL(text string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(text, "s3://")
	if !ok {
		return "", "", fmt.Errorf("%q must start with s3://", text)
	}
	bucket, key, _ = strings.Cut(rest, "/")
	if bucket == "" || key == "" {
		return "", "", fmt.Errorf("%q must have the form s3://bucket/key", text)
	}
	return bucket, key, nil
}

// open tells whether a value is not known before the step runs.
func open(text string) bool { return strings.Contains(text, "{{") }
