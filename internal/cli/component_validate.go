package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/fault"
	"image-builder/internal/finding"
)

// ComponentValidateCmd takes the flags of `awstoe validate`. lint checks more, and shows the places.
type ComponentValidateCmd struct {
	Paths                 []string          `arg:"" optional:"" name:"document" help:"Documents to check: local paths or s3:// URLs." placeholder:"DOCUMENT"`
	Documents             []string          `short:"d" help:"Documents to check, separated by commas." placeholder:"A,B"`
	DocumentS3BucketOwner string            `name:"document-s3-bucket-owner" help:"Account that must own the bucket of documents." placeholder:"ACCOUNT"`
	OSPlatforms           []string          `name:"os-platforms" help:"Platforms that the documents must run on (${enum}); this machine's if not given." enum:"linux,windows,darwin"`
	Trace                 bool              `short:"t" help:"Print warnings as well."`
	Bucket                map[string]string `help:"Use a directory as a bucket." placeholder:"NAME=DIR" mapsep:"none"`
}

// validation is what `awstoe validate` prints.
type validation struct {
	Status  string `json:"validationStatus"`
	Message string `json:"message"`
}

// Help is what --help adds.
func (c *ComponentValidateCmd) Help() string {
	return `Example:
  image-builder component validate browsers.yml --os-platforms linux`
}

// Run checks the documents. Findings go to stderr.
func (c *ComponentValidateCmd) Run(ctx context.Context, env *Env) error {
	objects, err := newObjects(c.Bucket)
	if err != nil {
		return err
	}
	documents := append(c.Paths, c.Documents...)

	var found finding.List
	for _, path := range documents {
		text, err := (action.Library{Objects: objects}).Document(ctx, path, c.DocumentS3BucketOwner)
		if err != nil {
			return err
		}
		found = append(found, c.check(path, text)...)
	}

	names := strings.Join(documents, ",")
	verdict := validation{"success", fmt.Sprintf("Document(s) [%s] is/are valid.", names)}

	if found.Errors() > 0 {
		verdict = validation{"failed", fmt.Sprintf("Document(s) [%s] is/are not valid.", names)}
		_ = env.showFindings(found) // its status is lint's
	}

	if err := json.NewEncoder(env.Stdout).Encode(verdict); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	if found.Errors() > 0 {
		return &saidError{class: fault.Failed}
	}

	return nil
}

func (c *ComponentValidateCmd) check(path string, text []byte) finding.List {
	document, found := component.Parse(path, text)
	if document == nil {
		return found
	}

	for _, platform := range c.platforms() {
		found = append(found, component.Check(document, action.All(action.Ports{}), component.Options{Platform: platform})...)
	}

	if c.Trace {
		return found
	}
	var errors finding.List
	for _, f := range found {
		if f.Severity == finding.Error {
			errors = append(errors, f)
		}
	}

	return errors
}

func (c *ComponentValidateCmd) platforms() []component.Platform {
	names := c.OSPlatforms
	if len(names) == 0 {
		return []component.Platform{thisPlatform()}
	}
	var platforms []component.Platform
	for _, name := range names {
		platforms = append(platforms, map[string]component.Platform{
			"linux": component.Linux, "windows": component.Windows, "darwin": component.MacOS,
		}[name])
	}

	return platforms
}

// thisPlatform is this machine's platform.
func thisPlatform() component.Platform {
	switch runtime.GOOS {
	case "windows":
		return component.Windows
	case "darwin":
		return component.MacOS
	}
	return component.Linux
}
