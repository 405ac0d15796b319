package pipeline

import (
	"context"
	"errors"
	"fmt"

	"image-builder/internal/deploy"
	"image-builder/internal/preflight"
	"image-builder/internal/stack"
	"image-builder/templates"
)

// Deployment holds the stages of a deploy: a stack is assessed, what it will rely on is checked, a change set is
// prepared, a person sees it and agrees, and it is executed.
type Deployment struct {
	Identities Identities
	Checks     Checks
	Deploy     *deploy.Deploy
	// Show shows what a deploy would do.
	Show func(Proposal)
	// Agree asks whether to do that. Its error is nil for yes.
	Agree func(context.Context, Proposal) error
}

// Order is what to deploy.
type Order struct {
	Stack    string // name
	Wanted   preflight.Wanted
	Bucket   string // for uploads; empty uses image-builder-ACCOUNT-REGION, which is made if it does not exist
	PlanOnly bool   // show what would change, then discard it
}

// Proposal is what a deploy would do.
type Proposal struct {
	Caller preflight.Identity
	Checks []preflight.Result
	Wanted preflight.Wanted // with what the checks learned
	Plan   *deploy.Plan
}

// Deployed is what a deploy did. Where nothing was to be done, or was only planned, Stack is as it was before.
type Deployed struct {
	Proposal

	Stack stack.Stack
}

// Run deploys. Errors are those of the stages: *preflight.NotReadyError, *deploy.Failed and *deploy.Lost among them. Unless an operation began on AWS, nothing is left of the deploy after an error.
func (d Deployment) Run(ctx context.Context, o Order) (Deployed, error) {
	proposal, err := d.propose(ctx, o)
	if err != nil {
		return Deployed{}, deploy.Unchanged(err)
	}
	d.Show(proposal)

	plan := proposal.Plan
	before := Deployed{Proposal: proposal, Stack: plan.Standing.Stack}
	if plan.Unchanged {
		return before, nil
	}
	if o.PlanOnly {
		return before, errors.Join(deploy.Unchanged(ctx.Err()), d.Deploy.Discard(ctx, plan))
	}
	if err := d.Agree(ctx, proposal); err != nil {
		return before, errors.Join(deploy.Unchanged(err), d.Deploy.Discard(ctx, plan))
	}

	after, err := d.Deploy.Execute(ctx, plan)
	return Deployed{Proposal: proposal, Stack: after}, err
}

// propose works out what a deploy would do.
func (d Deployment) propose(ctx context.Context, o Order) (Proposal, error) {
	caller, err := d.Identities.Caller(ctx)
	if err != nil {
		return Proposal{}, err
	}
	standing, err := d.Deploy.Assess(ctx, o.Stack)
	if err != nil {
		return Proposal{}, err
	}

	if err := o.Wanted.Complete(standing.Existing().Parameters); err != nil {
		return Proposal{}, err
	}

	results, wanted, err := d.Checks.Run(ctx, caller, o.Wanted, standing.Existing())
	if err == nil {
		err = preflight.Verdict(results)
	}

	if err != nil {
		return Proposal{}, err
	}

	request, err := request(o, caller, wanted)
	if err != nil {
		return Proposal{}, err
	}
	plan, err := d.Deploy.Prepare(ctx, standing, request)

	return Proposal{Caller: caller, Checks: results, Wanted: wanted, Plan: plan}, err
}

// request puts together what CloudFormation is asked for.
func request(o Order, caller preflight.Identity, wanted preflight.Wanted) (deploy.Request, error) {
	template, err := templates.Stack()
	if err != nil {
		return deploy.Request{}, err
	}
	bucket := deploy.Bucket{Name: o.Bucket, Owner: caller.Account}
	if bucket.Name == "" {
		bucket.Name = fmt.Sprintf("image-builder-%s-%s", caller.Account, caller.Region)
		bucket.Make = true
	}

	r := deploy.Request{Template: template, Parameters: wanted.In(bucket.Name), Keep: wanted.Keep, Bucket: bucket}
	for _, u := range wanted.Uploads {
		r.Uploads = append(r.Uploads, deploy.Upload{Key: u.Key, Body: u.Body(bucket.Name)})
	}

	return r, nil
}
