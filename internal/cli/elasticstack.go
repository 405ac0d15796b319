package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"image-builder/internal/fault"
	"image-builder/internal/fit"
	"image-builder/internal/release"
)

// namedStack is an Elastic CI Stack as the command line names it.
type namedStack struct {
	name     string
	template fit.Template
	settings map[string]string // of a live stack; nil for a template alone
}

// releaseName matches a release, as opposed to a stack's name.
var releaseName = regexp.MustCompile(`^(latest|v?[0-9]+\.[0-9]+(\.[0-9]+)?)$`)

// readStack reads a template from a file, a URL, a published release, or a live stack with its settings.
func readStack(ctx context.Context, name string) (namedStack, error) {
	text, settings, err := stackTemplate(ctx, name)
	if err != nil {
		return namedStack{}, err
	}

	template, err := fit.ParseTemplate(text)
	if err != nil {
		return namedStack{}, fault.New(fault.NotUsable, fmt.Errorf("read stack %s: %w", name, err), "")
	}

	if template.Version == "" && releaseName.MatchString(name) && name != "latest" {
		template.Version = "v" + strings.TrimPrefix(name, "v")
	}

	return namedStack{name, template, settings}, nil
}

func stackTemplate(ctx context.Context, name string) ([]byte, map[string]string, error) {
	_, statErr := os.Stat(name)
	switch {
	case statErr == nil, strings.Contains(name, "://"):
		text, err := release.Template(ctx, name)
		return text, nil, err
	case releaseName.MatchString(name):
		location, err := release.TemplateLocation(name)
		if err != nil {
			return nil, nil, err
		}
		text, err := release.Template(ctx, location)
		return text, nil, err

	case strings.ContainsRune(name, os.PathSeparator):
		return nil, nil, fault.New(fault.NotUsable, fmt.Errorf("read template: %w", statErr), "name a release (v6.71.1), a template or a live stack with --stack")
	}

	stacks := newAccount("").stacks
	live, err := stacks.Stack(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fault.New(fault.NotUsable, err, "name a live stack of this region, a release (v6.71.1) or a template's file with --stack")
	}
	if err != nil {
		return nil, nil, err
	}

	text, err := stacks.Template(ctx, name)
	return text, live.Parameters, err
}
