package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"image-builder/internal/local"
	"image-builder/internal/terminal"
)

// ParameterCmd is `parameter`: the local stand-in for SSM parameters.
type ParameterCmd struct {
	Get  ParameterGetCmd  `cmd:"" help:"Print a parameter's value."`
	Put  ParameterPutCmd  `cmd:"" help:"Set a parameter."`
	List ParameterListCmd `cmd:"" help:"List the parameters."`
}

// ParameterGetCmd is `parameter get`.
type ParameterGetCmd struct {
	Name string `arg:"" help:"Parameter." placeholder:"NAME"`
}

// Help is what --help adds.
func (c *ParameterGetCmd) Help() string {
	return `Example:
  image-builder image show "$(image-builder parameter get /buildkite/agent-ami)"`
}

// Run prints the value.
func (c *ParameterGetCmd) Run(ctx context.Context, env *Env) error {
	return env.withStore(ctx, func(store *local.Store) error {
		parameter, err := store.ParameterVersion(ctx, c.Name)
		if err != nil {
			return err
		}
		return env.result(parameter, parameter.Value, nil)
	})
}

// ParameterPutCmd is `parameter put`.
type ParameterPutCmd struct {
	Name  string `arg:"" help:"Parameter: letters, digits and _ . - /." placeholder:"NAME"`
	Value string `arg:"" help:"Its new value, of up to 4096 bytes." placeholder:"VALUE"`
}

// Help is what --help adds.
func (c *ParameterPutCmd) Help() string {
	return `Prints the parameter's new version. Component documents read it as {{ aws:ssm:NAME }}, recipes as base: ssm:NAME.

Example:
  image-builder parameter put /buildkite/base-ami debian:bookworm`
}

// Run sets the value.
func (c *ParameterPutCmd) Run(ctx context.Context, env *Env) error {
	if err := local.CheckParameter(c.Name, c.Value); err != nil {
		return err
	}
	return env.withStore(ctx, func(store *local.Store) error {
		version, err := store.PutParameter(ctx, c.Name, c.Value)
		if err != nil {
			return err
		}
		return env.result(map[string]any{"name": c.Name, "version": version}, strconv.Itoa(version), nil)
	})
}

// ParameterListCmd is `parameter list`.
type ParameterListCmd struct{}

// Help is what --help adds.
func (c *ParameterListCmd) Help() string {
	return `Example:
  image-builder parameter list`
}

// Run lists.
func (c *ParameterListCmd) Run(ctx context.Context, env *Env) error {
	return env.withStore(ctx, func(store *local.Store) error {
		parameters, err := store.Parameters(ctx)
		if err != nil {
			return err
		}
		if env.JSON {
			return env.object(map[string][]local.Parameter{"parameters": append([]local.Parameter{}, parameters...)})
		}
		if len(parameters) == 0 {
			fmt.Fprintln(env.Stderr, "no parameters yet: image-builder parameter put NAME VALUE makes one, as does a bake with an output")
			return nil
		}

		var rows [][]string
		for _, one := range parameters {
			rows = append(rows, []string{one.Name, terminal.Harmless(one.Value), strconv.Itoa(one.Version), one.Changed.Format(time.RFC3339)})
		}

		return env.columns([]string{"NAME", "VALUE", "VERSION", "CHANGED"}, rows)
	})
}
