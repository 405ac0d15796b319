package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"image-builder/internal/deploy"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
	"image-builder/internal/stack"
	"image-builder/internal/terminal"
)

// DeleteCmd is `delete`.
type DeleteCmd struct {
	stackFlag `embed:""`
	Yes       bool `short:"y" help:"Do not ask."`
}

// Help is what --help adds.
func (c *DeleteCmd) Help() string {
	return `Deletes the stack: pipeline, recipe, roles, topics, logs and the network, if the stack made one. It says first what goes
and what stays, and asks. It refuses while an image is being built. AMIs, their snapshots and the output parameter stay.

Prints the stack's name, or with --json {stack, id, status}.

Example:
  image-builder delete --stack nightly-ami`
}

// Run deletes.
func (c *DeleteCmd) Run(ctx context.Context, env *Env) error {
	a := newAccount("")
	watch := env.watcher()
	defer func() { watch.Close() }()

	remover := &deploy.Delete{
		Stacks: a.stacks, Builds: a.images,
		Report: func(e progress.Event) { watch.Report(e) }, Wait: patience.Sleep,
	}

	name, err := c.name(ctx, a)
	if err != nil {
		return err
	}
	s, err := remover.Assess(ctx, name)
	watch.Close()
	if err != nil {
		return deploy.Unchanged(err)
	}

	if s.Status != stack.DeleteComplete {
		if err := c.agreed(ctx, env, s); err != nil {
			return deploy.Unchanged(err)
		}
		watch = env.watcher()
		err = remover.Run(ctx, s)
		watch.Close()
		if err != nil {
			return err
		}
	}

	return env.result(map[string]any{"stack": s.Name, "id": s.ID, "status": stack.DeleteComplete}, s.Name, nil)
}

// name is the stack's name. Assess finds out whether it exists.
func (c *DeleteCmd) name(ctx context.Context, a account) (string, error) {
	if c.Stack != "" {
		return c.Stack, c.check()
	}
	s, err := c.find(ctx, a)
	return s.Name, err
}

// agreed says what is deleted and what stays, and asks.
func (c *DeleteCmd) agreed(ctx context.Context, env *Env, s stack.Stack) error {
	if !env.JSON {
		fmt.Fprint(env.Stderr, deletionSummary(s))
	}
	if c.Yes {
		return ctx.Err()
	}
	return env.agree(ctx, fmt.Sprintf("Delete stack %s?", s.Name))
}

// deletionSummary says what is deleted with a stack, and what stays.
func deletionSummary(s stack.Stack) string {
	goes := []string{"what is left of it, since it is unusable"}
	if !s.Status.Dead() {
		goes = parts(s)
	}

	stays := []string{
		"the AMIs that were baked, with their snapshots and Image Builder's records of them; nothing deletes old ones any more",
		fmt.Sprintf("the parameter %s, which goes on naming the last AMI", cmp.Or(terminal.Harmless(s.Parameters["OutputAmiParameter"]), "that receives the AMI's ID")),
		"what deploy put into its bucket: templates, scripts, documents",
	}

	return fmt.Sprintf("stack %s: to be deleted (%s)\n  goes\n    %s\n  stays\n    %s\n",
		s.Name, s.Status, strings.Join(goes, "\n    "), strings.Join(stays, "\n    "))
}

// parts are the parts of a stack.
func parts(s stack.Stack) []string {
	list := []string{"the image pipeline with its schedule, recipe, components and configurations, the roles, and the rules with their queue of dead letters"}
	if s.Outputs["OutputTopic"] != "" {
		list = append(list, fmt.Sprintf("the topics %s and %s, with their subscriptions", s.Outputs["OutputTopic"], s.Outputs["FailureTopic"]))
	}
	list = append(list, "the log groups, with the logs of the builds")
	if s.Parameters["SubnetId"] == "" {
		list = append(list, "the VPC that the stack made")
	}
	return list
}
