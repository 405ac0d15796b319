// Package fit is the stage that reports whether an image fits the Elastic CI Stack that is to use it: whether the
// boot scripts of the image get every variable that they need from the stack's template, and whether the baked
// content is usable under the stack's settings. It reads the image's tree and the template; it runs nothing and
// changes nothing.
//
// Why it matters: the boot script runs under `set -u`. A variable that a newer template no longer sets ends the
// script, the instance terminates, and the Auto Scaling group starts the next one. CloudFormation's events do not
// mention it.
package fit

import (
	"fmt"
	"io/fs"
	"strings"

	"image-builder/internal/bootscript"
	"image-builder/internal/image"
)

// Verdict says whether an image and a stack fit together.
type Verdict struct {
	Stack    string  `json:"stack"` // version of the template, "" where it does not say
	Fits     bool    `json:"fits"`  // no breaks
	Breaks   []Break `json:"breaks"`
	Warnings []Break `json:"warnings"` // the image works, but not as intended
}

// Image is the part of an image that a check reads.
type Image struct {
	Tree fs.FS      // the root file system; links must not lead out of it (os.Root ensures that)
	Arch image.Arch // "" where it is not known
	Size int64      // of its disk, in bytes; 0 where it is not known
}

// Break is a reason why an image does not fit.
type Break struct {
	Name string `json:"name"` // the check's name
	Text string `json:"text"` // what is wrong, where, and the consequence
	Hint string `json:"hint"` // what to do
}

// Check compares an image with a template.
//
// Settings are the known values of the stack's parameters, by name: all of them for a live stack, none for a
// template, whose boot scripts must then work with any value. The other checks use the template's defaults for
// unknown values.
func Check(img Image, template Template, settings map[string]string) (Verdict, error) {
	verdict := Verdict{Stack: template.Version, Breaks: []Break{}, Warnings: []Break{}}
	problems, err := boot(img.Tree, template, settings)
	if err != nil {
		return Verdict{}, err
	}

	for _, problem := range problems {
		verdict.Breaks = append(verdict.Breaks, explain(problem, template.Version))
	}

	stack := stack{template: template, settings: settings}
	verdict.Breaks = append(verdict.Breaks, machine(img, stack)...)
	verdict.Breaks = append(verdict.Breaks, agent(img.Tree, stack)...)
	verdict.Warnings = append(verdict.Warnings, baked(img.Tree, stack)...)
	verdict.Fits = len(verdict.Breaks) == 0

	return verdict, nil
}

// boot follows the template's user data through the image's boot scripts.
func boot(tree fs.FS, template Template, settings map[string]string) ([]bootscript.Problem, error) {
	known := map[string]string{}
	for name, value := range settings {
		known[placeholder(name)] = value
	}

	var problems []bootscript.Problem
	boot := bootscript.Boot{Files: tree, Known: known}
	for i, script := range template.Scripts {
		found, err := boot.Run(fmt.Sprintf("user data, part %d", i+1), script)
		if err != nil {
			return nil, fmt.Errorf("parse the template's user data, part %d: %w", i+1, err)
		}
		problems = append(problems, found...)
	}

	return problems, nil
}

// consequence is the effect that a user sees.
const consequence = "the instances will terminate in a loop, with nothing in the CloudFormation events to explain it"

func explain(p bootscript.Problem, version string) Break {
	place := fmt.Sprintf("%s, line %d", p.Script, p.Line)
	when := ""

	if !p.Certain {
		when = ", on the boots that come by that line"
	}

	stack := "the template"
	if version != "" {
		stack = "the template " + version
	}

	switch p.Kind {
	case bootscript.Missing:
		return Break{
			Name: "boot script", Text: fmt.Sprintf("%s calls %s, which is not in the image: %s%s", stack, p.Callee, consequence, when),
			Hint: base(version),
		}
	case bootscript.Unreadable:
		return Break{
			Name: "boot script", Text: fmt.Sprintf("bash cannot parse %s of the image, which %s calls: %s%s", p.Callee, stack, consequence, when),
			Hint: "correct the script, or bake from a base whose boot scripts are unchanged",
		}
	}

	return Break{
		Name: "boot variable",
		Text: fmt.Sprintf("%s needs %s, which %s does not set: %s%s", place, p.Variable, stack, consequence, when),
		Hint: base(version),
	}
}

// base says which base to use instead.
func base(version string) string {
	if strings.HasPrefix(version, "v") {
		return fmt.Sprintf("bake from Buildkite's AMI of the same release: image-builder base resolve --release %s; or deploy the stack with the template of the release that this image was made from", version)
	}
	return "bake from Buildkite's AMI of the template's release (image-builder base resolve --release VERSION), or deploy the stack with the template of the release that this image was made from"
}
