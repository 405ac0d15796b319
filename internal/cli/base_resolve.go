package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"image-builder/internal/announce"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/release"
	"image-builder/internal/terminal"
)

// BaseResolveCmd is `base resolve`.
type BaseResolveCmd struct {
	Release  string `help:"Release of the Elastic CI Stack: latest, v6.71.1, or a branch." default:"latest" placeholder:"RELEASE"`
	Mappings string `help:"Read this file or URL instead of the release's mappings.yml." placeholder:"FILE|URL"`
	OS       string `name:"os" help:"Operating system: amazonlinux2023, ubuntu2404 or windows." default:"amazonlinux2023" placeholder:"OS"`
	Arch     string `help:"Architecture: x86_64 or arm64." enum:"x86_64,arm64" default:"x86_64" placeholder:"ARCH"`
	Region   string `help:"Region of the AMI and of the parameter. Default: as AWS_REGION or the AWS configuration says." placeholder:"REGION"`
	Write    string `help:"Write the AMI's ID to this SSM parameter, the one that recipes name as base: ssm:PARAMETER." placeholder:"PARAMETER"`
}

// Help is what --help adds.
func (c *BaseResolveCmd) Help() string {
	return `Finds the AMI that Buildkite publishes for a release, checks with EC2 that it is Buildkite's, of the right architecture and
available, and prints its ID. Without AWS credentials it prints the ID, and says that nothing was checked.

With --write it goes into a parameter, if the checks have passed. A parameter that exists keeps its data type. The next build of a
stack with that base takes it; nothing need be deployed.

Examples:
  image-builder base resolve --os ubuntu2404 --arch arm64 --region eu-central-1
  image-builder base resolve --write /buildkite/base-ami`
}

// resolved is the result of base resolve.
type resolved struct {
	AMI       string           `json:"ami"`
	Region    string           `json:"region"`
	Mappings  string           `json:"mappings"` // where the ID was read
	Image     *image.AMI       `json:"image,omitempty"`
	Unchecked string           `json:"unchecked,omitempty"` // why EC2 was not asked
	Parameter *announce.Change `json:"parameter,omitempty"`
}

// Run finds the AMI.
func (c *BaseResolveCmd) Run(ctx context.Context, env *Env) error {
	if err := c.checkWrite(); err != nil {
		return err
	}
	a := newAccount(c.Region)
	wanted := release.System{OS: c.OS, Arch: image.Arch(c.Arch)}
	r, err := c.find(ctx, a, wanted)
	if err != nil {
		return err
	}

	if err := c.check(ctx, a, wanted, &r); err != nil {
		return err
	}

	if c.Write != "" {
		writer := announce.Writer{Parameters: a.parameters}
		change, err := writer.Write(ctx, c.Write, r.AMI)
		if err != nil {
			return err
		}
		r.Parameter = &change
	}

	return env.result(r, r.AMI, func() { c.explain(env, r) })
}

// checkWrite refuses an invalid parameter name.
func (c *BaseResolveCmd) checkWrite() error {
	if c.Write == "" {
		return nil
	}
	if wrong := (*image.NameError)(nil); errors.As(image.CheckNewParameterName(c.Write), &wrong) {
		return fault.New(fault.BadInput, errors.New("check --write: "+wrong.Message), "give it like --write /buildkite/base-ami")
	}
	return nil
}

// find reads the mappings.
func (c *BaseResolveCmd) find(ctx context.Context, a account, wanted release.System) (r resolved, err error) {
	r.Region, err = a.identities.Where(ctx)
	if err != nil {
		return r, err
	}

	r.Mappings = c.Mappings
	if r.Mappings == "" {
		r.Mappings, err = release.Location(c.Release)
		if err != nil {
			return r, err
		}
	}

	mappings, err := release.Fetch(ctx, r.Mappings)
	if err != nil {
		return r, err
	}

	r.AMI, err = mappings.Find(r.Region, wanted)
	return r, err
}

// check asks EC2 about the AMI. Failing to ask is an error only if the AMI is to be written.
func (c *BaseResolveCmd) check(ctx context.Context, a account, wanted release.System, r *resolved) error {
	ami, err := release.Check(ctx, a.machines, r.AMI, r.Region, wanted)
	unchecked := (*release.Unchecked)(nil)
	switch {
	case errors.As(err, &unchecked) && c.Write != "":
		return fault.New(fault.AWSRefused,
			fmt.Errorf("write %s: %s is not known to be Buildkite's: %w", c.Write, r.AMI, err),
			"use credentials that may ec2:DescribeImages; without --write the ID alone is printed")
	case errors.As(err, &unchecked):
		r.Unchecked = unchecked.Error()
	case err != nil:
		return err
	default:
		r.Image = &ami
	}

	return nil
}

// explain says on stderr what is known about the AMI, and the result of writing the parameter.
func (c *BaseResolveCmd) explain(env *Env, r resolved) {
	if r.Image == nil {
		fmt.Fprintf(env.Stderr, "warning: owner and architecture are unchecked: %s\n", terminal.Harmless(r.Unchecked))
		return
	}
	fmt.Fprintf(env.Stderr, "%s, %s, of Buildkite, in %s\n", terminal.Harmless(r.Image.Name), r.Image.Arch, r.Region)

	if !r.Image.Deprecated.IsZero() && r.Image.Deprecated.Before(env.Now()) {
		fmt.Fprintf(env.Stderr, "warning: deprecated since %s: name a newer release\n", r.Image.Deprecated.Format("2006-01-02"))
	}

	p := r.Parameter
	switch {
	case p == nil:
	case p.Old == p.New:
		fmt.Fprintf(env.Stderr, "%s holds it already\n", p.Name)
	default:
		fmt.Fprintf(env.Stderr, "%s: %s → %s\n", p.Name, terminal.Harmless(cmp.Or(p.Old, "new")), p.New)
	}
}
