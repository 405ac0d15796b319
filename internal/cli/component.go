package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/component/logfolder"
	"image-builder/internal/fault"
	"image-builder/internal/progress"
	"image-builder/internal/source"
)

// ComponentCmd works with component documents on this machine.
type ComponentCmd struct {
	Run      ComponentRunCmd      `cmd:"" help:"Run component documents on this machine, as awstoe run does."`
	Validate ComponentValidateCmd `cmd:"" help:"Check component documents, as awstoe validate does."`
}

// ComponentRunCmd takes the flags of `awstoe run`.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-component-manager.html
type ComponentRunCmd struct {
	Paths []string `arg:"" optional:"" name:"document" help:"Documents to run: local paths or s3:// URLs." placeholder:"DOCUMENT"`
	runSettings

	Bucket           map[string]string `help:"Use a directory as a bucket." placeholder:"NAME=DIR" mapsep:"none"`
	Stream           bool              `help:"Print progress on stdout, one JSON object a line; the last line is the result."`
	NoLog            bool              `help:"Make no log folder: the reader of the stream keeps the logs."`
	Home             string            `help:"HOME of the steps. It is not set otherwise, as on the service." placeholder:"DIR"`
	WorkingDirectory string            `help:"Value of WORKING_DIRECTORY for the steps, and where their scripts are written." default:"/tmp" placeholder:"DIR"`
}

// Help says how the command ends.
func (c *ComponentRunCmd) Help() string {
	return `The result is one JSON object on stdout. Exit status 0: all went well, failures that onFailure ignores included. 1: a step
failed, or a document is not usable. 194: a step wants the machine rebooted; reboot it and run the same command again,
it goes on where it stopped. (No job is installed that would do this by itself: what reboots a machine decides that.)

Examples:
  image-builder component run browsers.yml --parameters Version=128
  image-builder component run -d a.yml,b.yml -p build,validate -l /var/log`
}

// Run runs the documents on this machine.
func (c *ComponentRunCmd) Run(ctx context.Context, env *Env) (err error) {
	objects, err := newObjects(c.Bucket)
	if err != nil {
		return err
	}
	if err := c.complete(ctx, action.Library{Objects: objects}, c.Paths); err != nil {
		return fault.New(fault.BadInput, err, "")
	}

	jobs, copies, err := c.open(ctx, action.Library{Objects: objects})
	if err != nil {
		return c.unusable(env, err)
	}
	watch := c.watch(env)
	defer watch.Close()

	run := c.run(jobs, objects, watch.Report)
	run.Now = env.Now
	result, dir, err := c.logged(ctx, env, run, copies)
	watch.Close()

	if c.LogS3BucketName != "" && dir != "" {
		err = errors.Join(err, c.upload(context.WithoutCancel(ctx), objects, dir))
	}

	return c.conclude(ctx, env, result, dir, err)
}

// logged executes the run and keeps its log folder, whose path it returns.
func (c *ComponentRunCmd) logged(ctx context.Context, env *Env, run *component.Run, copies []logfolder.Document) (component.Result, string, error) {
	var log *logfolder.Log

	if !c.NoLog {
		var err error
		log, err = logfolder.Open(c.LogDirectory, c.ExecutionID, copies, env.Now)
		if err != nil {
			return component.Result{ExecutionID: c.ExecutionID}, "", err
		}
		run.Observer = log
	}

	if c.Trace {
		run.Observer = traced{run.Observer, env.Stderr}
	}

	result, err := run.Execute(ctx)
	if log == nil {
		return result, "", err
	}

	return result, log.Dir, errors.Join(err, log.Close(&result))
}

// open reads and parses the documents.
func (c *ComponentRunCmd) open(ctx context.Context, library action.Library) ([]component.Job, []logfolder.Document, error) {
	var jobs []component.Job
	var copies []logfolder.Document
	for _, d := range c.jobs {
		text, err := library.Document(ctx, d.Path, c.DocumentS3BucketOwner)
		if err != nil {
			return nil, nil, err
		}
		document, findings := component.Parse(d.Path, text)
		if document == nil {
			return nil, nil, component.InvalidError{Path: d.Path, Findings: findings}
		}
		jobs = append(jobs, component.Job{Document: document, Path: d.Path, Parameters: d.Parameters})
		copies = append(copies, logfolder.Document{Path: d.Path, Text: text})
	}

	return jobs, copies, nil
}

func (c *ComponentRunCmd) run(jobs []component.Job, objects source.Objects, report progress.Func) *component.Run {
	return &component.Run{
		ID: c.ExecutionID, Documents: jobs, Parameters: c.parameters, Phases: c.Phases,
		Modules: action.All(action.Ports{Objects: objects, TempDir: c.WorkingDirectory}), Blocked: c.BlockedActionModules,
		Values: newAccount("").parameters, Library: action.Library{Objects: objects},
		Report: report, Env: c.environment(os.Environ()), StateDir: c.StateDirectory,
	}
}

// environment is what steps see: this process's, without its HOME, as under Image Builder.
func (c *ComponentRunCmd) environment(own []string) []string {
	env := slices.DeleteFunc(slices.Clone(own), func(variable string) bool { return strings.HasPrefix(variable, "HOME=") })
	if !slices.ContainsFunc(env, func(variable string) bool { return strings.HasPrefix(variable, "PATH=") }) {
		env = append(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	if c.Home != "" {
		env = append(env, "HOME="+c.Home)
	}
	return append(env, "WORKING_DIRECTORY="+c.WorkingDirectory)
}
