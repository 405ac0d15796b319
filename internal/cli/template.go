package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"image-builder/internal/deploy"
	"image-builder/internal/preflight"
	"image-builder/internal/recipe"
	"image-builder/internal/stack"
	"image-builder/templates"
)

// TemplateCmd prints the stack's CloudFormation template, or puts it where a link to the console finds it.
type TemplateCmd struct {
	Recipe string `arg:"" optional:"" help:"With --upload: recipe file, or a bare bootstrap script, whose values the console shows." placeholder:"RECIPE|SCRIPT"`
	Upload string `help:"Put the template into this bucket, and print the link with which the console creates a stack from it." placeholder:"BUCKET"`
	Stack  string `help:"With --upload: name of the stack. Default: the recipe's name, or nightly-ami." placeholder:"NAME"`
}

// Help says what to do with it.
func (c *TemplateCmd) Help() string {
	return "Prints the CloudFormation template of the stack that bakes AMIs with EC2 Image Builder. It is larger than " +
		"the 51,200 bytes that may be given to CloudFormation inline: upload it in the console, or let the AWS CLI put it " +
		"into a bucket (aws cloudformation deploy --s3-bucket BUCKET). docs/05-stack.md has the parameters." +
		"\n\nWith --upload it prints the console's quick-create link, and a button for a README, in Markdown; with --json {template, link, " +
		"button}. Anyone who opens the link needs to be allowed to read the bucket; what the recipe names is uploaded, too." +
		"\n\nExamples:\n  image-builder template >aws-stack.yml\n  image-builder template recipe.yml --upload acme-templates"
}

// Validate refuses what has no effect.
func (c *TemplateCmd) Validate() error {
	if c.Upload == "" && (c.Recipe != "" || c.Stack != "") {
		return errors.New("a recipe and --stack fill in a link: give --upload BUCKET as well")
	}
	return nil
}

// Run prints the template or the link.
func (c *TemplateCmd) Run(ctx context.Context, env *Env) error {
	text, err := templates.Stack()
	if err != nil {
		return err
	}
	if c.Upload != "" {
		return c.link(ctx, env, text)
	}
	_, err = env.Stdout.Write(text)
	return err
}

// published is what template --upload --json prints.
type published struct {
	Template string `json:"template"`
	Link     string `json:"link"`
	Button   string `json:"button"`
}

// launch is the picture that AWS offers for such links.
const launch = "https://s3.amazonaws.com/cloudformation-examples/cloudformation-launch-stack.png"

func (c *TemplateCmd) link(ctx context.Context, env *Env, text []byte) error {
	name := "nightly-ami"
	var wanted preflight.Wanted

	if c.Recipe != "" {
		var err error
		reading := DeployCmd{Recipe: c.Recipe, Stack: c.Stack, Flags: recipe.NewFlags()}
		name, wanted, err = reading.wanted(env)
		if err != nil {
			return err
		}
	} else if c.Stack != "" {
		name = c.Stack
	}

	store := newAccount("").objects
	region, err := store.Region(ctx, c.Upload, "")
	if err != nil {
		return err
	}

	template := deploy.Upload{Key: stack.ObjectKey(sha256.Sum256(text), "aws-stack.yml"), Body: text}
	uploads := []deploy.Upload{template}
	for _, u := range wanted.Uploads {
		uploads = append(uploads, deploy.Upload{Key: u.Key, Body: u.Body(c.Upload)})
	}

	for _, u := range uploads {
		if err := store.Put(ctx, c.Upload, u.Key, "", bytes.NewReader(u.Body)); err != nil {
			return err
		}
	}

	address, err := store.Address(ctx, c.Upload, template.Key)
	if err != nil {
		return err
	}

	link := stack.QuickCreate(region, address, name, c.filled(wanted))
	button := fmt.Sprintf("[![Launch stack](%s)](%s)", launch, link)

	if env.JSON {
		return env.object(published{address, link, button})
	}
	_, err = fmt.Fprintf(env.Stdout, "%s\n%s\n", link, button)

	return err
}

// filled returns the parameters that differ from the template's defaults.
func (c *TemplateCmd) filled(wanted preflight.Wanted) map[string]string {
	filled := map[string]string{}
	if c.Recipe == "" {
		return filled
	}
	for name, value := range wanted.In(c.Upload) {
		if value != wanted.Default(name) {
			filled[name] = value
		}
	}
	return filled
}
