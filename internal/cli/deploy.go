package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"image-builder/internal/aws"
	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/deploy"
	"image-builder/internal/finding"
	"image-builder/internal/lint"
	"image-builder/internal/patience"
	"image-builder/internal/preflight"
	"image-builder/internal/progress"
	"image-builder/internal/recipe"
	"image-builder/internal/stack"
	"image-builder/templates"
)

// DeployCmd is `deploy`.
type DeployCmd struct {
	Recipe         string `arg:"" optional:"" help:"Recipe file, or a bare bootstrap script." placeholder:"RECIPE|SCRIPT"`
	Stack          string `help:"Name of the stack. Default: the recipe's name." placeholder:"NAME"`
	UploadBucket   string `help:"Bucket of this account for the template, the script and the documents. Default: image-builder-ACCOUNT-REGION, which is made if it is not there." placeholder:"BUCKET"`
	Plan           bool   `help:"Show what would change, and leave everything as it is."`
	Yes            bool   `short:"y" help:"Do not ask."`
	recipe.Flags   `embed:""`
	deploySettings `embed:""`
}

// Help is what --help adds.
func (c *DeployCmd) Help() string {
	return `Brings the CloudFormation stack that bakes AMIs with EC2 Image Builder to what the recipe says. It checks what can be
checked, shows what would change, asks, and follows CloudFormation to the end. What the recipe leaves out has the template's
default; a flag that is not given is left as the stack has it.

Prints the stack's outputs, or with --json {stack, id, status, parameters, changes, checks, outputs}. What was cut off, the
same command picks up; what failed, it begins anew.

Examples:
  image-builder deploy recipe.yml --plan
  image-builder deploy recipe.yml --instance-type m7i.large
  image-builder deploy bootstrap.sh --stack nightly-ami --base ssm:/buildkite/base-ami --output /buildkite/agent-ami --yes`
}

// deployed is the result of deploy.
type deployed struct {
	Stack      string             `json:"stack"`
	ID         string             `json:"id"`
	Status     stack.Status       `json:"status"`
	Parameters []deploy.Setting   `json:"parameters"` // that get another value
	Changes    []stack.Change     `json:"changes"`
	Checks     []preflight.Result `json:"checks"`
	Outputs    map[string]string  `json:"outputs"`
}

// deployment is one run of deploy.
type deployment struct {
	command *DeployCmd
	env     *Env
	session *aws.Session
	stacks  *aws.CloudFormation
	who     preflight.Identity
	watch   watcher
	deploy  *deploy.Deploy
	checks  []preflight.Result
	wanted  preflight.Wanted
}

// Run deploys.
func (c *DeployCmd) Run(ctx context.Context, env *Env) error {
	name, wanted, err := c.wanted(env)
	if err != nil {
		return err
	}
	d := &deployment{command: c, env: env, session: &aws.Session{}, watch: newWatcher(env)}
	defer func() { d.watch.Close() }()

	plan, err := d.prepare(ctx, name, wanted)
	if err != nil {
		return unchanged(err)
	}
	d.watch.Close()
	d.showPlan(plan)

	if plan.Unchanged {
		return d.result(plan, plan.Standing.Stack)
	}
	if err := d.agreed(ctx, plan); err != nil {
		return errors.Join(unchanged(err), d.deploy.Discard(ctx, plan))
	}
	if c.Plan {
		if err := d.deploy.Discard(ctx, plan); err != nil {
			return err
		}
		return d.result(plan, plan.Standing.Stack)
	}

	return d.execute(ctx, plan)
}

// unchanged says of an interruption before anything was begun that it was one; any other error is as it is.
func unchanged(err error) error {
	if !errors.Is(err, context.Canceled) || isA[*deploy.Lost](err) {
		return err
	}
	return &ExitError{Code: Interrupted, Err: errors.New("interrupted: nothing was changed")}
}

// wanted reads the recipe and the flags, and checks them as far as that needs no network.
func (c *DeployCmd) wanted(env *Env) (name string, wanted preflight.Wanted, err error) {
	r, found := recipe.Load(c.Recipe)
	if r != nil {
		found = append(found, r.Override(c.Flags.Override())...)
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

// prepare looks at the stack, runs the checks and has the change set made.
func (d *deployment) prepare(ctx context.Context, name string, wanted preflight.Wanted) (plan *deploy.Plan, err error) {
	d.who, err = (&aws.Identity{Session: d.session}).Caller(ctx)
	if err != nil {
		return nil, err
	}
	d.wire()

	standing, err := d.deploy.Assess(ctx, name)
	if err != nil {
		return nil, err
	}
	wanted, err = d.check(ctx, wanted, standing)
	if err != nil {
		return nil, err
	}

	template, err := templates.Stack()
	if err != nil {
		return nil, err
	}
	bucket := deploy.Bucket{Name: d.command.UploadBucket, Owner: d.who.Account}
	if bucket.Name == "" {
		bucket.Name = fmt.Sprintf("image-builder-%s-%s", d.who.Account, d.who.Region)
		bucket.Make = true
	}

	request := deploy.Request{Template: template, Parameters: wanted.In(bucket.Name), Keep: wanted.Keep, Bucket: bucket}
	for _, u := range wanted.Uploads {
		request.Uploads = append(request.Uploads, deploy.Upload{Key: u.Key, Body: u.Body(bucket.Name)})
	}

	return d.deploy.Prepare(ctx, standing, request)
}

// wire is where the ports get their answers.
func (d *deployment) wire() {
	d.stacks = &aws.CloudFormation{Session: d.session}
	objects := &aws.S3{Session: d.session}
	d.deploy = &deploy.Deploy{
		Stacks: d.stacks, Buckets: objects,
		Report: d.report, Wait: patience.Sleep, Show: d.showNew,
	}
}

func (d *deployment) report(e progress.Event) { d.watch.Report(e) }

// check asks AWS for what the stack will rely on.
func (d *deployment) check(ctx context.Context, wanted preflight.Wanted, standing deploy.Standing) (preflight.Wanted, error) {
	existing := standing.Stack
	if standing.Kind == deploy.Recreate {
		existing = stack.Stack{}
	}

	checks := newChecks(d.session, d.env, d.report)
	results, wanted, err := checks.Run(ctx, wanted, existing)
	if err != nil {
		return wanted, err
	}
	d.checks = results
	d.wanted = wanted

	failed := slices.DeleteFunc(slices.Clone(results), func(r preflight.Result) bool { return r.Status != preflight.Failed })
	if len(failed) == 0 {
		return wanted, nil
	}
	d.watch.Close()
	d.showChecks()

	return wanted, notReady(failed)
}

// notReady says which checks failed; what to do about the first is the hint.
func notReady(failed []preflight.Result) error {
	var all error
	for _, r := range failed {
		text := fmt.Sprintf("check %s: %s", r.Name, r.Text)
		if r.Next != "" && len(failed) > 1 {
			text += ": " + r.Next
		}
		all = errors.Join(all, errors.New(text))
	}

	refusal := &ExitError{Code: NotUsable, Err: all}
	if len(failed) == 1 {
		refusal.Next = failed[0].Next
	}

	return refusal
}

// agreed asks whether to go on, unless there is no need to.
func (d *deployment) agreed(ctx context.Context, plan *deploy.Plan) error {
	if d.command.Yes || d.command.Plan {
		return ctx.Err()
	}
	verb := map[deploy.Kind]string{deploy.Create: "Create", deploy.Update: "Update", deploy.Recreate: "Delete what is left of it and create"}[plan.Standing.Kind]
	return d.env.agree(ctx, fmt.Sprintf("%s stack %s?", verb, plan.Standing.Name))
}

func (d *deployment) execute(ctx context.Context, plan *deploy.Plan) error {
	recreated := plan.Standing.Kind == deploy.Recreate
	d.watch = newWatcher(d.env)
	after, err := d.deploy.Execute(ctx, plan)
	d.watch.Close()

	if err != nil && !recreated {
		err = unchanged(err)
	}

	if err != nil {
		return err
	}
	return d.result(plan, after)
}

// showNew shows, between what is redrawn, the change set of a stack that had to be deleted first.
func (d *deployment) showNew(set stack.ChangeSet) {
	d.watch.Close()
	d.showChanges(set)
	d.watch = newWatcher(d.env)
}

// result prints the outputs.
func (d *deployment) result(plan *deploy.Plan, s stack.Stack) error {
	if d.env.JSON {
		return d.env.object(deployed{
			Stack: plan.Standing.Name, ID: s.ID, Status: s.Status, Outputs: orEmptyMap(s.Outputs),
			Parameters: orEmpty(plan.Settings), Changes: orEmpty(plan.ChangeSet.Changes), Checks: orEmpty(d.checks),
		})
	}
	if d.command.Plan || len(s.Outputs) == 0 {
		return nil
	}

	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(s.Outputs)) {
		rows = append(rows, []string{name, harmless(s.Outputs[name])})
	}

	return d.env.columns([]string{"OUTPUT", "VALUE"}, rows)
}

// orEmpty makes a list that prints as [] and not as null.
func orEmpty[T any](list []T) []T { return append([]T{}, list...) }

func orEmptyMap(values map[string]string) map[string]string {
	if values == nil {
		return map[string]string{}
	}
	return values
}
