package preflight

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"image-builder/internal/finding"
	"image-builder/internal/recipe"
	"image-builder/internal/s3uri"
)

// planner fills a Wanted and collects findings.
type planner struct {
	recipe *recipe.Recipe
	wanted Wanted
	found  finding.List
	left   map[string]bool // parameters that the recipe leaves as they are
}

// Plan works out a stack's parameters from a recipe. It looks at nothing but the template and the files that the
// recipe names.
//
// A field that the recipe file leaves out gets the template's default; a flag that was not given keeps the stack's value.
// Without a recipe file, this holds for the fields, too: see Wanted.Complete.
// With a finding that is an error there is nothing to deploy.
func Plan(r *recipe.Recipe, given Settings) (Wanted, finding.List) {
	t, err := readTemplate()
	if err != nil {
		return Wanted{}, finding.List{{Code: finding.StackValue, Message: err.Error()}}
	}
	p := &planner{recipe: r, left: map[string]bool{}, wanted: Wanted{Parameters: map[string]string{}, template: t, recipe: r.Name, places: map[string]finding.Position{}}}
	p.fields()
	p.flags(given)
	p.base()
	p.output()
	p.secrets(given)
	p.lists()
	p.schedule()
	p.disk()
	p.script()
	p.components()
	p.lacks()

	p.values()
	return p.wanted, p.found
}

// fields gives the recipe's parameters their defaults, except those that it leaves to the stack.
func (p *planner) fields() {
	for field, parameters := range fields {
		for _, name := range parameters {
			p.wanted.places[name] = p.recipe.At(field, 0)
			if !p.recipe.Says(field) {
				p.left[name] = true
				p.wanted.Keep = append(p.wanted.Keep, name)
				continue
			}
			p.wanted.Parameters[name] = p.wanted.template.parameters[name].fallback
		}
	}

	slices.Sort(p.wanted.Keep)
}

func (p *planner) add(code finding.Code, at finding.Position, message, right string) {
	p.found = append(p.found, finding.Finding{Code: code, Position: at, Message: message, Right: right})
}

// warn adds a finding that does not block a deploy.
func (p *planner) warn(at finding.Position, message, right string) {
	p.found = append(p.found, finding.Finding{Code: finding.StackLacks, Severity: finding.Warning, Position: at, Message: message, Right: right})
}

func (p *planner) set(name, value string) {
	if !p.left[name] {
		p.wanted.Parameters[name] = value
	}
}

func (p *planner) flags(given Settings) {
	for _, name := range p.wanted.template.names {
		if Field(name) != "" {
			continue
		}
		value, ok := given[name]
		p.wanted.places[name] = finding.Position{File: Flag(name)}
		if !ok {
			p.wanted.Keep = append(p.wanted.Keep, name)
			continue
		}
		p.set(name, value)
	}

	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, known := p.wanted.template.parameters[name]; !known || Field(name) != "" {
			p.add(finding.StackValue, finding.Position{File: Flag(name)}, name+" is not a parameter that a flag sets", "leave it out")
		}
	}
}

const exampleBase = "/buildkite/base-ami"

// base accepts parameters only: their AMI may change from build to build.
func (p *planner) base() {
	base := p.recipe.Base
	if !p.recipe.Says("base") {
		return
	}

	at := p.recipe.At("base", 0)
	if name, ok := strings.CutPrefix(base, "ssm:"); ok {
		p.set("BaseAmiParameter", name)
		return
	}

	message := fmt.Sprintf("a stack reads its base from an SSM parameter, at every build; %q is none", base)
	right := fmt.Sprintf("`image-builder base resolve --write %s` puts Buildkite's AMI into one; then write base: ssm:%s here, or --base ssm:%s", exampleBase, exampleBase, exampleBase)
	switch {
	case base == "":
		message = "no base is given: a stack reads it from an SSM parameter, at every build"
	case strings.HasPrefix(base, "ami-"):
		message = "a stack reads its base from an SSM parameter, at every build: a newer AMI is put there, and nothing is deployed again"
		right = fmt.Sprintf("put the ID into one: aws ssm put-parameter --type String --name %s --value %s; then write base: ssm:%s", exampleBase, base, exampleBase)
	}

	p.add(finding.StackBase, at, message, right)
}

func (p *planner) output() {
	switch {
	case !p.recipe.Says("output"):
		return
	case p.recipe.Output == "":
		p.add(finding.StackOutput, p.recipe.At("output", 0), "no output is given: the parameter that receives each AMI's ID", "add output: /buildkite/agent-ami to the recipe, or --output /buildkite/agent-ami to the command")
		return
	}

	p.set("OutputAmiParameter", p.recipe.Output)
	if base, ok := strings.CutPrefix(p.recipe.Base, "ssm:"); ok && strings.TrimPrefix(base, "/") == strings.TrimPrefix(p.recipe.Output, "/") {
		p.add(finding.StackOutput, p.recipe.At("output", 0), "base and output are the same parameter: each image would be baked upon the last one", "name another output")
	}
}

func (p *planner) secrets(given Settings) {
	kind, rest, _ := strings.Cut(p.recipe.Secrets, ":")
	switch {
	case p.recipe.Secrets == "":
	case s3uri.Is(p.recipe.Secrets):
		bucket, prefix, _ := s3uri.Split(p.recipe.Secrets)
		p.set("SecretsBucket", bucket)
		p.set("SecretsPrefix", strings.Trim(prefix, "/"))

	case kind == "secretsmanager":
		p.set("SecretNames", joined(rest, given["SecretNames"]))
		p.wanted.places["SecretNames"] = p.recipe.At("secrets", 0)
		p.wanted.Keep = slices.DeleteFunc(p.wanted.Keep, func(name string) bool { return name == "SecretNames" })
	case kind == "ssm":
		p.add(finding.StackSecrets, p.recipe.At("secrets", 0), "a stack takes secrets from a bucket or from Secrets Manager, not from SSM parameters",
			"put them into Secrets Manager and write secrets: secretsmanager:NAME, more of them by --secret-names; or into a bucket: secrets: s3://bucket/prefix")

	default:
		p.add(finding.StackSecrets, p.recipe.At("secrets", 0), fmt.Sprintf("%s is on this machine, where no build instance can read it", p.recipe.Secrets),
			fmt.Sprintf("put the files into a bucket (aws s3 cp --recursive %s s3://BUCKET/image) and write secrets: s3://BUCKET/image here, or --secrets s3://BUCKET/image", p.recipe.Secrets))
	}
}

// joined puts one more name in front of a list of names.
func joined(name, others string) string {
	names := []string{name}
	for other := range strings.SplitSeq(others, ",") {
		other = strings.TrimSpace(other)
		if other != "" && other != name {
			names = append(names, other)
		}
	}
	return strings.Join(names, ",")
}

func (p *planner) lists() {
	p.set("Packages", strings.Join(p.recipe.Packages, " "))
	p.set("GitMirrors", strings.Join(p.recipe.GitMirrors, " "))
	p.set("DockerImages", strings.Join(p.recipe.DockerImages, " "))
	for i, url := range p.recipe.GitMirrors {
		if path.IsAbs(url) || strings.HasPrefix(url, "file:") {
			p.warn(p.recipe.At("git-mirrors", i), fmt.Sprintf("%s is looked for on the build instance, not here", url), "write a URL that can be cloned from there")
		}
	}
}

// schedule writes the template's form: with cron( ), and single blanks between fields.
func (p *planner) schedule() {
	text := strings.TrimSpace(p.recipe.Schedule)
	if text == "" {
		p.zone()
		return
	}
	kind := "cron"

	inner := text
	for _, form := range []string{"cron", "rate"} {
		if rest, ok := strings.CutPrefix(text, form+"("); ok {
			kind = form
			inner = strings.TrimSuffix(rest, ")")
		}
	}

	p.set("ScheduleExpression", kind+"("+strings.Join(strings.Fields(inner), " ")+")")
	p.zone()
}

func (p *planner) zone() {
	if p.recipe.TimeZone != "" {
		p.set("TimeZone", p.recipe.TimeZone)
	}
}

// disk is in whole GiB on EBS. Checks finds out the device from the base AMI.
func (p *planner) disk() {
	p.set("RootVolumeSize", strconv.FormatInt((p.recipe.Disk+1<<30-1)>>30, 10))
}

// lacks warns of fields that have no effect on a stack.
func (p *planner) lacks() {
	if p.recipe.Timeout > 0 {
		p.warn(p.recipe.At("timeout", 0), "a stack has no such limit: timeout is for a bake on this machine", "give the steps of documents a timeoutSeconds of their own")
	}

	if p.recipe.Publish != nil {
		p.warn(p.recipe.At("publish", 0), "a stack makes its AMIs itself: publish is for a bake on this machine", "nothing to do: the stack writes the output parameter and sends the message; further regions and accounts are --regions and --share-with")
	}

	if p.recipe.TestJob {
		p.warn(p.recipe.At("test", 0), "a stack does not run a first job on its AMIs: test is for a bake on this machine", "bake here and publish; on the stack the test phases run on an instance of their own")
	} else if p.recipe.Test != "" {
		p.warn(p.recipe.At("test", 0), "a stack tests its AMIs on an instance of their own: test is for a bake on this machine", "nothing to do: the test phases run on that instance")
	}

	if p.recipe.BootBudget != nil {
		p.warn(p.recipe.At("boot-budget", 0), "a stack does not measure its AMIs' boots: boot-budget is for a bake on this machine", "leave it out, or bake here and publish")
	}

	if p.recipe.Prefetch {
		p.warn(p.recipe.At("prefetch", 0), "a stack does not look at what its AMIs read when they boot: prefetch is for a bake on this machine", "leave it out, or bake here and publish")
	}

	if len(p.recipe.AllowLeak) > 0 {
		p.warn(p.recipe.At("allow-leak", 0), "a stack does not search its AMIs for secrets: allow-leak is for a bake on this machine", "nothing to do: the secrets are in memory while the AMI is built, and the build fails if they are still there at its end")
	}
}

// values checks every value against the template.
func (p *planner) values() {
	for _, name := range p.wanted.template.names {
		value, given := p.wanted.Parameters[name]
		at := p.wanted.places[name]
		if !given || slices.ContainsFunc(p.found, func(f finding.Finding) bool { return f.Severity == finding.Error && f.Position == at }) {
			continue // there is none, or it has a finding already
		}
		if wrong := p.wanted.template.parameters[name].refuses(value); wrong != "" {
			p.add(finding.StackValue, at, fmt.Sprintf("%s cannot be %s", name, short(value)), "it "+wrong)
		}
	}

	if p.found.Errors() > 0 {
		return
	}

	for _, says := range p.wanted.template.broken(p.wanted.given) {
		p.add(finding.StackValue, finding.Position{File: p.recipe.File}, says, "")
	}
}

// given returns a value that the recipe or a flag gave.
func (w Wanted) given(name string) (string, bool) {
	value, ok := w.Parameters[name]
	return value, ok
}

// short is a value as messages show it.
func short(value string) string {
	if runes := []rune(value); len(runes) > 60 {
		value = string(runes[:60]) + "…"
	}
	return strconv.Quote(value)
}
