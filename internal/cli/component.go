package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"image-builder/internal/aws"
	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/component/logfolder"
	"image-builder/internal/progress"
)

// ComponentCmd works with component documents on this very machine.
type ComponentCmd struct {
	Run      ComponentRunCmd      `cmd:"" help:"Run component documents on this machine, as awstoe run does."`
	Validate ComponentValidateCmd `cmd:"" help:"Check component documents, as awstoe validate does."`
}

// ComponentRunCmd takes the flags of `awstoe run`.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-component-manager.html
type ComponentRunCmd struct {
	Paths []string `arg:"" optional:"" name:"document" help:"Documents to run: local paths or s3:// URLs." placeholder:"DOCUMENT"`
	runSettings

	Bucket           map[string]string `help:"Let a directory stand for a bucket." placeholder:"NAME=DIR" mapsep:"none"`
	Stream           bool              `help:"Print progress on stdout, one JSON object a line; the last line is the result."`
	NoLog            bool              `help:"Make no log folder: whoever reads the stream keeps the logs."`
	Home             string            `help:"HOME of the steps. It is not set otherwise, as on the service." placeholder:"DIR"`
	WorkingDirectory string            `help:"What WORKING_DIRECTORY says to the steps, and where their scripts are written." default:"/tmp" placeholder:"DIR"`
}

// Help says how the command ends.
func (c *ComponentRunCmd) Help() string {
	return `The result is one JSON object on stdout. Exit status 0: all went well, failures that onFailure ignores included. 1: a step
failed, or a document is not usable. 194: a step wants the machine rebooted; reboot it and run the same command again,
it goes on where it stopped. (No job is installed that would do this by itself: what reboots a machine decides that.)`
}

// Run runs the documents on this machine.
func (c *ComponentRunCmd) Run(ctx context.Context, env *Env) (err error) {
	objects, err := newObjectStores(c.Bucket)
	if err != nil {
		return err
	}
	if err := c.runSettings.complete(ctx, action.Library{Objects: objects}, c.Paths); err != nil {
		return &ExitError{Code: BadInput, Err: err}
	}
	jobs, copies, err := c.open(ctx, action.Library{Objects: objects})
	if err != nil {
		return c.unusable(env, err)
	}
	watch := c.watch(env)
	defer watch.Close()
	run := c.run(jobs, objects, watch.Report)
	run.Now = env.Now
	if c.NoLog {
		result, err := run.Execute(ctx)
		return c.conclude(ctx, env, result, "", err)
	}
	log, err := logfolder.Open(c.LogDirectory, c.ExecutionID, copies, env.Now)
	if err != nil {
		return err
	}
	run.Observer = log
	if c.Trace {
		run.Observer = traced{log, env.Stderr}
	}
	result, err := run.Execute(ctx)
	err = errors.Join(err, log.Close(&result))
	watch.Close()
	if c.LogS3BucketName != "" {
		err = errors.Join(err, c.upload(context.WithoutCancel(ctx), objects, log.Dir))
	}
	return c.conclude(ctx, env, result, log.Dir, err)
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
			return nil, nil, component.Unusable{Path: d.Path, Findings: findings}
		}
		jobs = append(jobs, component.Job{Document: document, Path: d.Path, Parameters: d.Parameters})
		copies = append(copies, logfolder.Document{Path: d.Path, Text: text})
	}
	return jobs, copies, nil
}

func (c *ComponentRunCmd) run(jobs []component.Job, objects objectStores, report progress.Func) *component.Run {
	return &component.Run{
		ID: c.ExecutionID, Documents: jobs, Parameters: c.parameters, Phases: c.Phases,
		Modules: action.All(action.Ports{Objects: objects, TempDir: c.WorkingDirectory}), Blocked: c.BlockedActionModules,
		Values: &aws.Parameters{Session: objects.session}, Library: action.Library{Objects: objects},
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

// watch shows progress: on stdout for a program that asked for a stream, else on stderr for people.
func (c *ComponentRunCmd) watch(env *Env) watcher {
	switch {
	case c.Stream:
		return &streamer{out: env.Stdout}
	case c.Trace:
		return silent{} // the console log is printed instead
	}
	return newWatcher(env)
}

// streamer prints each event as a line of JSON.
type streamer struct{ out io.Writer }

func (s *streamer) Report(e progress.Event) {
	text, err := json.Marshal(e)
	if err == nil {
		_, _ = s.out.Write(append(text, '\n')) // whoever reads it may be gone; the run goes on
	}
}

func (s *streamer) Close() {}

// traced is a log folder whose console is printed as well.
type traced struct {
	*logfolder.Log
	out io.Writer
}

func (t traced) Console(line string) {
	t.Log.Console(line)
	fmt.Fprintln(t.out, harmless(line))
}

// runResult is what `awstoe run` prints.
type runResult struct {
	ExecutionID            string           `json:"executionId"`
	Status                 component.Status `json:"status"`
	FailedStepCount        int              `json:"failedStepCount"`
	ExecutedStepCount      int              `json:"executedStepCount"`
	IgnoredFailedStepCount int              `json:"ignoredFailedStepCount"`
	FailureMessage         string           `json:"failureMessage"`
	LogURL                 string           `json:"logUrl"`
}

// conclude prints the result, and turns it into the exit status.
func (c *ComponentRunCmd) conclude(ctx context.Context, env *Env, result component.Result, dir string, err error) error {
	if err != nil && result.FailureMessage == "" {
		result.Status, result.FailureMessage = component.Failed, err.Error()
	}
	if printed := c.print(env, runResult{
		result.ExecutionID, result.Status, result.Failed, result.Executed, result.Ignored, result.FailureMessage, dir,
	}); printed != nil {
		err = errors.Join(err, printed)
	}
	bad := component.Unusable{}
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case errors.As(err, &bad):
		_ = env.showFindings(bad.Findings) // the status is awstoe's, not lint's
		return &ExitError{Code: StepFailed}
	case err != nil:
		return &ExitError{Code: StepFailed, Err: err}
	case result.Reboot != nil:
		return c.rebooting(ctx, env, result.Reboot.Delay)
	case result.Status == component.Failed:
		return &ExitError{Code: StepFailed, Err: failure(result), Next: "read " + dir + "/console.log"}
	}
	return nil
}

func failure(result component.Result) error {
	f := result.FirstFailure
	if f == nil {
		return errors.New(result.FailureMessage)
	}
	return fmt.Errorf("run step %s of %s (%s): %s", f.Step, f.Document, f.Phase, f.Message)
}

func (c *ComponentRunCmd) print(env *Env, result runResult) error {
	out := bufio.NewWriter(env.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if !c.Stream {
		encoder.SetIndent("", "    ")
	}
	if err := errors.Join(encoder.Encode(result), out.Flush()); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// wantsReboot is the exit status that asks whoever started the command to reboot the machine and start it again.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/send-commands-reboot.html
const wantsReboot Code = 194

// rebooting ends the command so that the machine can be rebooted. A sandbox has nothing to wait for.
func (c *ComponentRunCmd) rebooting(ctx context.Context, env *Env, delay time.Duration) error {
	if c.Stream {
		return &ExitError{Code: wantsReboot}
	}
	fmt.Fprintln(env.Stderr, "image-builder: reboot this machine, then run the same command again: it goes on where it stopped")
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return &ExitError{Code: wantsReboot}
}

// unusable prints the result of a run that never began.
func (c *ComponentRunCmd) unusable(env *Env, err error) error {
	result := component.Result{ExecutionID: c.ExecutionID, Status: component.Failed, FailureMessage: err.Error()}
	return c.conclude(context.Background(), env, result, "", err)
}

// newExecutionID returns a time-based UUID, RFC 9562 version 1, as awstoe does.
func newExecutionID() (string, error) {
	id, err := uuid.NewUUID()
	if err != nil {
		return "", fmt.Errorf("make execution ID: %w", err)
	}
	return id.String(), nil
}
