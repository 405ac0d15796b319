package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"image-builder/internal/aws"
	"image-builder/internal/bake"
	"image-builder/internal/base"
	"image-builder/internal/boot"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/pipeline"
	"image-builder/internal/progress"
	"image-builder/internal/recipe"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/nspawn"
	"image-builder/internal/sandbox/qemu"
	"image-builder/internal/secret"
	"image-builder/internal/snapshot"
	"image-builder/internal/source"
)

// wiring connects the ports: to this machine, or to AWS where a recipe names it.
type wiring struct {
	env    *Env
	store  *local.Store
	report progress.Func
}

func wire(ctx context.Context, env *Env, report progress.Func) (*wiring, error) {
	store, err := env.openStore(ctx)
	if err != nil {
		return nil, err
	}
	return &wiring{env: env, store: store, report: report}, nil
}

// Close closes the store.
func (w *wiring) Close() error { return w.store.Close() }

// pipeline returns the pipeline for a recipe.
func (w *wiring) pipeline(r *recipe.Recipe, skip []string, buckets local.Buckets) (pipeline.Pipeline, error) {
	program, err := os.Executable()
	if err != nil {
		return pipeline.Pipeline{}, fmt.Errorf("find this program: %w", err)
	}
	a := newAccount("")
	objects := source.Objects{Here: buckets, There: a.objects}

	return pipeline.Pipeline{
		Bases: w.bases(), Objects: objects, NewRun: w.newRun, Report: w.report,
		Secrets: source.Secrets{Objects: objects, Vault: a.vault, Parameters: a.parameters},
		Prove:   w.prove(program, len(r.DockerImages) > 0, skip),
		Bake:    bake.Bake{Start: machine(len(r.DockerImages) > 0), Binary: program, Report: w.report, Now: w.env.Now},
	}, nil
}

func (w *wiring) newRun(ctx context.Context) (pipeline.Run, pipeline.Place, error) {
	run, err := w.store.NewRun(ctx)
	if err != nil {
		return nil, pipeline.Place{}, err
	}
	return run, pipeline.Place{ID: run.ID, Dir: run.Dir, Logs: w.store.Logs(run.ID)}, nil
}

// machine starts containers; a container with a daemon of its own needs more rights.
func machine(nesting bool) func(context.Context, string, string, []sandbox.Share) (sandbox.Machine, error) {
	return func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		m, err := nspawn.Start(ctx, nspawn.Config{Disk: disk, WorkDir: workDir, Shares: shares, Nesting: nesting})
		if err != nil {
			return nil, err // a nil *Machine must not become a Machine
		}
		return m, nil
	}
}

// surroundings are the environment of scripts: as on an instance for a service, with credentials and this machine's
// proxies.
type surroundings struct {
	variables []string        // NAME=value
	secrets   []secret.Secret // the values among them that are
}

func bakeEnvironment(ctx context.Context) (surroundings, error) {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "WORKING_DIRECTORY=/tmp"}
	proxies, secrets := proxyEnvironment(os.LookupEnv)

	credentials, err := (&aws.Credentials{}).Environment(ctx)
	if err != nil {
		return surroundings{}, fmt.Errorf("find AWS credentials: %w", err)
	}

	for _, variable := range credentials {
		if name, value, _ := strings.Cut(variable, "="); name == "AWS_SECRET_ACCESS_KEY" || name == "AWS_SESSION_TOKEN" {
			secrets = append(secrets, secret.Secret{Name: name, Value: []byte(value)})
		}
	}

	return surroundings{variables: slices.Concat(env, proxies, credentials), secrets: secrets}, nil
}

// bake bakes once machine, the check of what a container needs, has passed.
func (w *wiring) bake(
	ctx context.Context, r *recipe.Recipe, c *BakeCmd, machine func() error, environment func() (surroundings, error),
) (image.Image, error) {
	if c.Boot || r.Prefetch || (r.BootBudget != nil && r.BootBudget.Login > 0) {
		if err := errors.Join(machine(), qemu.Preflight(image.HostArch())); err != nil {
			return image.Image{}, err
		}
	}

	stand, err := local.NewBuckets(c.Bucket)
	if err != nil {
		return image.Image{}, err
	}
	around, err := environment()
	if err := errors.Join(machine(), err); err != nil {
		return image.Image{}, err
	}

	p, err := w.pipeline(r, c.SkipCheck, stand)
	if err != nil {
		return image.Image{}, err
	}

	in, otherwise := testIn(r.Test, image.HostArch())
	if err := checkTestIn(ctx, in, image.HostArch()); err != nil {
		return image.Image{}, err
	}

	if err := checkJobBudget(r, in); err != nil {
		return image.Image{}, err
	}

	p.Cold = boot.Boot{Report: w.report}.Within
	p.Trace = boot.Boot{Report: w.report}.Watched

	if c.Boot {
		p.Boot = boot.Boot{Report: w.report}.Image
	}

	return p.Run(ctx, r, pipeline.Options{
		Buckets: stand, Env: around.variables, Credentials: around.secrets, KeepFailed: c.KeepFailed, Test: in, TestOtherwise: otherwise,
	})
}

// checkJobBudget refuses a budget for a first job in a machine that cannot keep it.
func checkJobBudget(r *recipe.Recipe, in image.TestIn) error {
	message, right := r.BudgetConflict(in)
	if message != "" {
		return fault.New(fault.BadInput, errors.New("keep boot budget: "+message), right)
	}
	return nil
}

// bases returns the resolver of base references.
func (w *wiring) bases() base.Resolver {
	return base.Resolver{
		Catalog: w.store, Parameters: w.store, NewRun: w.newBaseRun, Now: w.env.Now, Progress: w.report,
		Lock: filepath.Join(w.store.Dir(), "making-a-base"), Account: w.account(),
	}
}

// account provides AMIs. It makes no request before a recipe names one.
func (w *wiring) account() *base.Account {
	a := newAccount("")
	return &base.Account{
		AMIs: a.machines, Copies: a.machines, Reader: &aws.EBS{Session: a.session}, Parameters: a.parameters,
		Partial: filepath.Join(w.store.Dir(), "pulls"), Pace: snapshot.DefaultPace, Bounds: snapshot.DefaultBounds,
	}
}

func (w *wiring) newBaseRun(ctx context.Context) (base.Run, string, error) {
	run, err := w.store.NewRun(ctx)
	if err != nil {
		return nil, "", err // a nil *Run must not become a Run
	}
	return run, run.Dir, nil
}
