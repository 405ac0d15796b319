package action

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/s3uri"
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
		return component.Fault{Message: "it is empty", Right: "give it a value"}
	}
	return nil
}

// lastStar checks a path that may contain "*", but only after the last separator.
func lastStar(path string) error {
	if dir, _ := split(strings.TrimRight(path, `/\`)); strings.Contains(dir, "*") {
		return component.Fault{Message: `"*" stands before the last separator`, Right: `use "*" in the last part of the path only`}
	}
	return notEmpty(path)
}

// needURL makes a required input that begins with one of these schemes.
func needURL(name string, check func(string) error, schemes ...string) component.Field {
	return component.Field{Name: name, Required: true, Check: check, Schemes: schemes}
}

func account(id string) error {
	if _, err := strconv.ParseUint(id, 10, 64); err != nil || len(id) != 12 {
		return component.Fault{Message: fmt.Sprintf("%q is not an account ID", id), Right: "write its 12 digits"}
	}
	return nil
}

func webURL(text string) error {
	u, err := url.Parse(strings.TrimSpace(text))
	if err == nil && u.Host != "" && (strings.EqualFold(u.Scheme, "http") || strings.EqualFold(u.Scheme, "https")) {
		return nil
	}
	return component.Fault{Message: fmt.Sprintf("%q is not a web address", text), Right: "write a URL that starts with https:// or http://"}
}

func objectURL(text string) error {
	_, _, err := parseObjectURL(text)
	return err
}

// parseObjectURL splits s3://bucket/key; key is not empty.
func parseObjectURL(text string) (bucket, key string, err error) {
	bucket, key, ok := s3uri.Split(text)
	if !ok || bucket == "" || key == "" {
		return "", "", component.Fault{Message: fmt.Sprintf("%q names no S3 object", text), Right: "write s3://bucket/key"}
	}
	return bucket, key, nil
}
