package component

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"image-builder/internal/finding"
)

// Modules maps action names to the action modules.
type Modules map[string]Module

func (m Modules) names() []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Options describe where a document will run.
type Options struct {
	// Platform is the platform that the document must run on. Empty: any that all its actions share.
	Platform Platform
	// Inline says that the document is passed as text in an API call or a template, which has a lower size limit.
	Inline bool
	// Here says that the document runs on this machine: the service's size limit does not apply.
	Here bool
}

// Check finds errors that need no run: in actions, their inputs, references, platforms, limits. It does not repeat
// Parse's findings.
func Check(doc *Document, modules Modules, options Options) finding.List {
	if doc == nil {
		return nil
	}
	c := &checker{report: report{file: doc.File}, doc: doc, modules: modules, options: options, steps: newIndex(doc)}
	c.names()
	c.size()

	for i, phase := range doc.Phases {
		for j, step := range phase.Steps {
			c.step(step)
			c.references(coordinates{i, j})
		}
	}

	c.platforms()
	return sortFindings(c.findings)
}

// Names of actions that the language treats specially.
const (
	executeDocument = "ExecuteDocument"
	reboot          = "Reboot"
)

type checker struct {
	report
	doc       *Document
	modules   Modules
	options   Options
	steps     index
	variables map[string]Variable
	loops     map[string]bool
}

// names collects what references can name, besides steps.
func (c *checker) names() {
	c.variables = c.doc.variables()
	c.loops = make(map[string]bool)
	c.doc.Steps(func(_ *Phase, step *Step) {
		if step.Loop != nil && step.Loop.Name.Value != "" {
			c.loops[step.Loop.Name.Value] = true
		}
	})
}

func (c *checker) size() {
	start := &Value{At: finding.Position{File: c.file, Line: 1, Column: 1}}
	text := c.doc.source.text

	if c.options.Here {
		return
	}
	if len(text) > maxDocument {
		c.fault(finding.TooLarge, start, fmt.Sprintf("the document has %d bytes", len(text)), "keep it below 64 KB, for example by moving scripts to S3")
		return
	}

	if n := utf8.RuneCountInString(text); n > maxInline {
		message := fmt.Sprintf("the document has %d characters", n)
		right := "pass it by uri (S3): inline data may have 16,000"
		if c.options.Inline {
			c.fault(finding.TooLargeInline, start, message, right)
		} else {
			c.warn(finding.TooLargeInline, start, message, right)
		}
	}
}

func (c *checker) step(step *Step) {
	if step.Action.Value == "" {
		return
	}
	module, ok := c.modules[step.Action.Value]
	if !ok {
		c.fault(finding.UnknownAction, place(step.Action), fmt.Sprintf("there is no action %q", step.Action.Value),
			didYouMean(step.Action.Value, c.modules.names()))
		return
	}

	schema := module.Schema()
	d := &decoder{report: report{file: c.file}}
	d.inputs(schema, step)
	c.findings = append(c.findings, d.findings...)
	c.fixed(step)

	if c.options.Platform != "" && !slices.Contains(schema.Platforms, c.options.Platform) {
		c.fault(finding.WrongPlatform, place(step.Action), fmt.Sprintf("%s does not run on %s", schema.Action, c.options.Platform),
			"it runs on "+platformNames(schema.Platforms))
	}
}

// fixed reports settings that an action does not let a document change.
func (c *checker) fixed(step *Step) {
	given := step.timeoutGiven.At.Line > 0

	switch step.Action.Value {
	case executeDocument:
		if given && step.Timeout != -1 {
			c.fault(finding.FixedSetting, place(step.timeoutGiven), "the timeout of ExecuteDocument is always -1", "remove timeoutSeconds")
		}
		if step.MaxAttempts != 1 {
			c.fault(finding.FixedSetting, place(step.attemptsGiven), "ExecuteDocument is attempted once", "remove maxAttempts")
		}
	case reboot:
		if given {
			c.warn(finding.FixedSetting, place(step.timeoutGiven), "Reboot has no timeout", "remove timeoutSeconds")
		}
	}
}

func platformNames(platforms []Platform) string {
	names := make([]string, len(platforms))
	for i, platform := range platforms {
		names[i] = string(platform)
	}
	return strings.Join(names, ", ")
}

// platforms warns if no platform has all the actions. It is not an error: conditions may choose among the steps.
func (c *checker) platforms() {
	if c.options.Platform != "" {
		return
	}

	shared := []Platform{Linux, Windows, MacOS}
	told := false
	c.doc.Steps(func(_ *Phase, step *Step) {
		module, ok := c.modules[step.Action.Value]
		if !ok || told {
			return
		}
		here := module.Schema().Platforms
		left := slices.DeleteFunc(slices.Clone(shared), func(p Platform) bool { return !slices.Contains(here, p) })
		if len(left) == 0 {
			c.warn(finding.WrongPlatform, place(step.Action), fmt.Sprintf("%s runs on %s, the steps before it on %s", step.Action.Value,
				platformNames(here), platformNames(shared)), "keep one document per platform")
			told = true
		}

		shared = left
	})
}
