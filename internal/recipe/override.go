package recipe

import (
	"fmt"
	"time"

	"image-builder/internal/finding"
)

// Override holds the flags that have a field's name; a command embeds it. Paths are relative to the working directory.
type Override struct {
	Name         string        `help:"Name of the image." placeholder:"NAME"`
	Base         string        `help:"Base disk: debian:SUITE, a path, https://…#sha256=…, ssm:/name, ami-… or a stored base." placeholder:"BASE"`
	Bootstrap    string        `help:"Script to run as root: a path or s3://bucket/key." placeholder:"SCRIPT"`
	Secrets      string        `help:"Secrets for the bake: a path, s3://bucket/prefix, secretsmanager:NAME or ssm:/path." placeholder:"FROM"`
	GitMirrors   []string      `help:"Repositories to mirror, comma-separated or repeated." placeholder:"URL"`
	DockerImages []string      `help:"Docker images to pull, comma-separated or repeated." placeholder:"IMAGE"`
	Packages     []string      `help:"System packages, gem:NAME and npm:NAME, comma-separated or repeated." placeholder:"PACKAGE"`
	Components   []string      `help:"Component documents to run, comma-separated or repeated." placeholder:"DOCUMENT"`
	Output       string        `help:"Parameter that receives the image's ID." placeholder:"PARAMETER"`
	Schedule     string        `help:"When the pipeline builds: cron(0 0 * * ? *) or rate(1 day)." placeholder:"CRON"`
	Timezone     string        `help:"Time zone of the schedule." placeholder:"ZONE"`
	Disk         string        `help:"Size that the disk grows to, like 20GiB." placeholder:"SIZE"`
	Timeout      time.Duration `help:"Longest that the bake may take, like 2h." placeholder:"DURATION"`
	AllowLeak    []string      `help:"Paths in the image that may hold a secret, comma-separated or repeated." placeholder:"PATH"`
}

// Override replaces fields by flags; a list replaces the whole list. Findings name the flag in place of a file.
func (r *Recipe) Override(flags Override) finding.List {
	b := builder{recipe: r}
	timeout := ""

	if flags.Timeout != 0 {
		timeout = fmt.Sprint(flags.Timeout)
	}

	texts := map[string]string{
		"name": flags.Name, "base": flags.Base, "bootstrap": flags.Bootstrap, "secrets": flags.Secrets, "output": flags.Output,
		"schedule": flags.Schedule, "timezone": flags.Timezone, "disk": flags.Disk, "timeout": timeout,
	}

	lists := map[string][]string{
		"git-mirrors": flags.GitMirrors, "docker-images": flags.DockerImages, "packages": flags.Packages,
		"components": flags.Components, "allow-leak": flags.AllowLeak,
	}
	for _, f := range fields() {
		if text := texts[f.name]; text != "" {
			b.setField(f, flagValue(f.name, text))
		}
		if items := lists[f.name]; len(items) > 0 {
			r.clear(f.name)
			for _, item := range items {
				b.appendField(f, flagValue(f.name, item))
			}
		}
	}

	return b.found
}

func flagValue(name, text string) value {
	return value{text: text, at: finding.Position{File: "--" + name}}
}

func (r *Recipe) clear(field string) {
	delete(r.positions, field)

	switch field {
	case "git-mirrors":
		r.GitMirrors = nil
	case "docker-images":
		r.DockerImages = nil
	case "packages":
		r.Packages = nil
	case "components":
		r.Components = nil
	case "allow-leak":
		r.AllowLeak = nil
	}
}
