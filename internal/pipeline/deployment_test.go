package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"image-builder/internal/aws"
	"image-builder/internal/deploy"
	"image-builder/internal/pipeline"
	"image-builder/internal/preflight"
	"image-builder/internal/recipe"
	"image-builder/internal/stack"
	"image-builder/internal/testbed"
)

const deployedBucket = "image-builder-123456789012-eu-central-1"

// checks says that all is well, or that one thing is not, and records what existed.
type checks struct {
	steps  *[]string
	failed preflight.Result
}

func (c checks) Run(_ context.Context, _ preflight.Identity, wanted preflight.Wanted, _ stack.Stack) ([]preflight.Result, preflight.Wanted, error) {
	*c.steps = append(*c.steps, "check")
	return []preflight.Result{{Name: "account", Status: preflight.OK}, c.failed}, wanted, nil
}

// order is a deploy of the smallest recipe.
func order(t *testing.T) pipeline.Order {
	t.Helper()
	wanted, found := preflight.Plan(&recipe.Recipe{File: "recipe.yml", Name: "nightly", Base: "ssm:/base", Output: "/agent"}, nil)
	if found.Errors() > 0 {
		t.Fatal(found)
	}
	return pipeline.Order{Stack: "nightly", Wanted: wanted}
}

// deployment returns a deploy to an account on loopback, which records its steps. The answer is a person's.
func deployment(cloud *testbed.Cloud, steps *[]string, answer error) pipeline.Deployment {
	session := aws.NewSession(cloud.Config())

	return pipeline.Deployment{
		Identities: &aws.Identity{Session: session},
		Checks:     checks{steps: steps},
		Deploy: &deploy.Deploy{
			Stacks: &aws.CloudFormation{Session: session}, Buckets: &aws.S3{Session: session},
			Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		},
		Show: func(p pipeline.Proposal) { *steps = append(*steps, "show "+string(p.Plan.Standing.Kind)) },
		Agree: func(context.Context, pipeline.Proposal) error {
			*steps = append(*steps, "ask")
			return answer
		},
	}
}

func TestNothingIsDeployedUnlessAPersonAgrees(t *testing.T) {
	t.Parallel()
	declined := errors.New("no")
	for name, test := range map[string]struct {
		plan   bool
		failed preflight.Result
		answer error
		want   []string
	}{
		"declined":       {answer: declined, want: []string{"check", "show create", "ask"}},
		"only planned":   {plan: true, want: []string{"check", "show create"}},
		"a check failed": {failed: preflight.Result{Name: "subnet", Status: preflight.Failed}, want: []string{"check"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud := testbed.Start(t)
			var steps []string
			d := deployment(cloud, &steps, test.answer)
			d.Checks = checks{&steps, test.failed}
			o := order(t)
			o.PlanOnly = test.plan

			_, err := d.Run(t.Context(), o)

			if (err == nil) != test.plan || (test.answer != nil && !errors.Is(err, test.answer)) {
				t.Errorf("error is %v", err)
			}
			if !slices.Equal(steps, test.want) {
				t.Errorf("steps are %v, want %v", steps, test.want)
			}
			if s, there := cloud.CloudFormation.Stack("nightly"); there {
				t.Errorf("stack is left in %s", s.Status)
			}

			if keys, err := cloud.S3.Keys(deployedBucket); err == nil {
				t.Errorf("bucket is left with %v", keys)
			}
		})
	}
}

func TestInterruptionBeforeTheAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	var steps []string
	ctx, interrupt := context.WithCancel(t.Context())
	cloud := testbed.Start(t)
	d := deployment(cloud, &steps, nil)
	d.Agree = func(context.Context, pipeline.Proposal) error {
		interrupt()
		return ctx.Err()
	}

	_, err := d.Run(ctx, order(t))

	if err == nil || err.Error() != "interrupted: nothing was changed" {
		t.Errorf("error is %v", err)
	}
	if _, there := cloud.CloudFormation.Stack("nightly"); there {
		t.Error("a stack is left")
	}
}

func TestNothingIsAskedWithoutCredentials(t *testing.T) {
	t.Parallel()
	var steps []string
	d := deployment(testbed.Start(t), &steps, nil)
	d.Identities = anonymous{}
	if _, err := d.Run(t.Context(), order(t)); !errors.Is(err, errAnonymous) || len(steps) > 0 {
		t.Errorf("error is %v after %v", err, steps)
	}
}

var errAnonymous = errors.New("no credentials")

type anonymous struct{}

func (anonymous) Caller(context.Context) (preflight.Identity, error) {
	return preflight.Identity{}, errAnonymous
}
