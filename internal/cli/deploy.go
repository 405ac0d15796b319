package cli

import (
	"context"
	"errors"
	"maps"
	"slices"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/deploy"
	"image-builder/internal/finding"
	"image-builder/internal/lint"
	"image-builder/internal/pipeline"
	"image-builder/internal/preflight"
	"image-builder/internal/recipe"
	"image-builder/internal/stack"
	"image-builder/internal/terminal"
)

// DeployCmd is `deploy`.
type DeployCmd struct {
	Recipe         string `arg:"" optional:"" help:"Recipe file, or a bare bootstrap script." placeholder:"RECIPE|SCRIPT"`
	Stack          string `help:"Name of the stack. Default: the recipe's name." placeholder:"NAME"`
	UploadBucket   string `help:"Bucket of this account for the template, the script and the documents. Default: image-builder-ACCOUNT-REGION, which is created if it does not exist." placeholder:"BUCKET"`
	Plan           bool   `help:"Show what would change, and change nothing."`
	Yes            bool   `short:"y" help:"Do not ask."`
	recipe.Flags   `embed:""`
	deploySettings `embed:""`
}

// Help is what --help adds.
func (c *DeployCmd) Help() string {
	return `Brings the CloudFormation stack that bakes AMIs with EC2 Image Builder to what the recipe says. It checks what can be
checked, shows what would change, asks, and follows CloudFormation to the end. What the recipe leaves out has the template's
default; a flag that is not given is left as the stack has it. Without a recipe, everything that no flag gives is left as the
stack has it. A stack of the first image-builder is updated in place, and keeps its topic.

Prints the stack's outputs, or with --json {stack, id, status, parameters, changes, checks, outputs}. What was cut off, the
same command picks up; what failed, it starts from scratch.

Examples:
  image-builder deploy recipe.yml --plan
  image-builder deploy recipe.yml --instance-type m7i.large
  image-builder deploy --stack NAME --packages jq
  image-builder deploy bootstrap.sh --stack nightly-ami --base ssm:/buildkite/base-ami --output /buildkite/agent-ami --yes`
}

// deployed is the result of deploy.
type deployed struct {
	Stack      string             `json:"stack"`
	ID         string             `json:"id"`
	Status     stack.Status       `json:"status"`
	Parameters []deploy.Setting   `json:"parameters"` // whose value changes
	Changes    []stack.Change     `json:"changes"`
	Checks     []preflight.Result `json:"checks"`
	Outputs    map[string]string  `json:"outputs"`
}

// Run deploys.
func (c *DeployCmd) Run(ctx context.Context, env *Env) error {
	name, wanted, err := c.wanted(env)
	if err != nil {
		return err
	}

	view := &deployView{env: env, watch: env.watcher(), agreed: c.Yes}
	done, err := newDeployment(view).Run(ctx, pipeline.Order{Stack: name, Wanted: wanted, Bucket: c.UploadBucket, PlanOnly: c.Plan})
	view.watch.Close()

	if refusal := (*preflight.NotReadyError)(nil); errors.As(err, &refusal) {
		view.showChecks(refusal.Results)
	}

	if err != nil {
		return err
	}
	return c.result(env, done)
}

// wanted reads the recipe and the flags, and makes all checks that need no network.
func (c *DeployCmd) wanted(env *Env) (name string, wanted preflight.Wanted, err error) {
	r, found := recipe.Load(c.Recipe)
	if r != nil {
		found = append(found, r.Override(c.Override())...)
	}

	if found.Errors() == 0 {
		linter := &lint.Linter{Modules: action.All(action.Ports{}), Platform: component.Linux}
		found = append(found, faults(linter.Named(r))...)
	}

	if found.Errors() == 0 {
		var more, misnamed finding.List
		wanted, more = preflight.Plan(r, c.given())
		name, misnamed = preflight.StackName(r, c.Stack)
		found = append(append(found, more...), misnamed...)
	}

	if env.JSON {
		found = faults(found)
	}

	return name, wanted, env.showFindings(found)
}

// faults are the findings that make a file unusable.
func faults(found finding.List) finding.List {
	return slices.DeleteFunc(found, func(f finding.Finding) bool { return f.Severity != finding.Error })
}

// result prints the outputs.
func (c *DeployCmd) result(env *Env, done pipeline.Deployed) error {
	if env.JSON {
		return env.object(deployed{
			Stack: done.Plan.Standing.Name, ID: done.Stack.ID, Status: done.Stack.Status, Outputs: orEmptyMap(done.Stack.Outputs),
			Parameters: orEmpty(done.Plan.Settings), Changes: orEmpty(done.Plan.ChangeSet.Changes), Checks: orEmpty(done.Checks),
		})
	}
	if c.Plan || len(done.Stack.Outputs) == 0 {
		return nil
	}

	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(done.Stack.Outputs)) {
		rows = append(rows, []string{name, terminal.Harmless(done.Stack.Outputs[name])})
	}

	return env.columns([]string{"OUTPUT", "VALUE"}, rows)
}

// orEmpty makes a list that prints as [] and not as null.
func orEmpty[T any](list []T) []T { return append([]T{}, list...) }

func orEmptyMap(values map[string]string) map[string]string {
	if values == nil {
		return map[string]string{}
	}
	return values
}
