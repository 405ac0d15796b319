// Package inside runs component documents in a sandbox.Machine.
//
// The documents are run by the same binary that runs outside, shared with the machine, so that nothing of ours stays
// on the disk. Secrets and documents are in memory only. What the steps print is masked, kept in a log for each step
// and passed on as progress. The package never decides what is run, and knows nothing of what the disk becomes.
package inside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"image-builder/internal/component"
	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/sandbox"
	"image-builder/internal/secret"
)

// Paths inside a machine. /run and /tmp never reach the disk.
const (
	inside = "/run/image-builder"
	// Program is this program, in the machine.
	Program = inside + "/image-builder"

	insideSecrets = "/tmp/secrets"
	// localBucket stands for this machine's files in s3:// URLs: ScriptURL.
	localBucket = "local"
	// ScriptURL is where the bootstrap document finds a local script.
	ScriptURL = "s3://" + localBucket + "/bootstrap"
)

const (
	// memorySize bounds secrets and documents together, in bytes. Only used memory is taken.
	memorySize = 128 << 20
	// rebootLimit is how often one bake may ask for a reboot: the SSM agent's default on an instance.
	rebootLimit = 15
	rebootAsked = 194
	stopTimeout = time.Minute
)

// Document is a component document and the values of its parameters.
type Document struct {
	Name       string // file name
	Text       []byte
	Parameters []component.Parameter
}

// Definition says what to run, and on what.
type Definition struct {
	Disk string // raw disk file
	// Attached is what was attached to Disk when it was cloned; Run closes it. nil: the machine attaches the disk itself.
	Attached *disk.Early
	// Source is the disk's name in errors, if Disk is a copy that is gone when they are read.
	Source string
	// Dir is a private directory for the machine and for what is kept in memory; Run leaves nothing in it.
	Dir string
	// Logs is the directory of the step logs.
	Logs      string
	Documents []Document // in execution order; none: the machine is only brought up
	Phases    []string   // that run: build, validate, test
	// Script is what ScriptURL stands for; nil without one.
	Script  []byte
	Buckets map[string]string // bucket name → local directory that stands for it
	// Secrets are the files in /tmp/secrets while the documents run.
	Secrets []secret.Secret
	// Hidden are all values that must not reach a log.
	Hidden *secret.Set
	// Env is the environment of documents and scripts, including credentials: NAME=value.
	Env []string
	// Ready, if not nil, uses the machine before the documents do; its error ends the run.
	Ready func(ctx context.Context, machine sandbox.Machine) error
}

// Runner brings a disk up and runs documents in it.
type Runner struct {
	// Start brings a disk up.
	Start func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error)
	// Binary is the path of this program, statically linked.
	Binary string
	Report progress.Func
}

// Run runs the documents. When it returns, the machine is stopped and the secrets are gone from memory. A failed step
// yields a StepError.
func (r Runner) Run(ctx context.Context, d Definition) (steps []image.Step, err error) {
	defer func() { err = errors.Join(err, d.Attached.Close()) }()
	memory, err := secret.MountMemory(filepath.Join(d.Dir, "memory"), memorySize)
	if err != nil {
		return nil, fmt.Errorf("keep secrets in memory: %w", err)
	}
	defer func() { err = errors.Join(err, memory.Close()) }()

	if err := d.fill(memory); err != nil {
		return nil, err
	}
	machine, err := r.start(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("start sandbox: %w", d.named(err))
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, machine.Stop(ctx), os.Remove(d.workDir())) // never into a mount that Stop could not end
	}()

	if d.Ready != nil {
		if err := d.Ready(ctx, machine); err != nil {
			return nil, err
		}
	}

	if len(d.Documents) == 0 {
		return nil, nil
	}

	journal, err := newJournal(d.Logs, d.Hidden, r.Report)
	if err != nil {
		return nil, err
	}
	err = r.execute(ctx, machine, d, journal)

	return journal.close(d.named(err))
}

// named replaces the path of a copy by its source's name: the copy is gone when the error is read.
func (d Definition) named(err error) error {
	if unusable := (*disk.Unusable)(nil); errors.As(err, &unusable) && unusable.Path == d.Disk && d.Source != "" {
		unusable.Path = d.Source
	}
	return err
}

func (d Definition) workDir() string { return filepath.Join(d.Dir, "machine") }

func (r Runner) start(ctx context.Context, d Definition) (sandbox.Machine, error) {
	if err := os.Mkdir(d.workDir(), 0o700); err != nil {
		return nil, err
	}
	machine, err := r.Start(ctx, d.Disk, d.workDir(), r.shares(d))
	if err != nil {
		return nil, errors.Join(err, os.Remove(d.workDir()))
	}
	return machine, nil
}

// execute runs `component run` inside until it is done, rebooting as often as it asks.
func (r Runner) execute(ctx context.Context, machine sandbox.Machine, d Definition, journal *journal) error {
	command := sandbox.Command{Args: arguments(d), Env: d.Env, Stdout: journal, Stderr: journal.stderr}
	for range rebootLimit + 1 {
		journal.restart()
		err := machine.Run(ctx, command)

		if cause := context.Cause(ctx); cause != nil {
			return cause
		}

		var exit sandbox.ExitError
		if err == nil && !journal.succeeded() {
			return fault.New(fault.Done, &disk.Unusable{Path: d.Disk, Reason: noResult}, "use a base whose /bin/sh is a shell")
		}
		if !errors.As(err, &exit) || exit.Status != rebootAsked {
			return err
		}

		if err := machine.Reboot(ctx); err != nil {
			return fmt.Errorf("reboot sandbox: %w", err)
		}
	}

	return fmt.Errorf("reboot sandbox: the documents asked for more than %d reboots: a step that exits with %d must stop doing so once its work is done", rebootLimit, rebootAsked)
}

// noResult says why a run with status 0 is not a success: the image's own shell starts the documents, and a shell
// that does nothing also exits with 0.
const noResult = "its /bin/sh ended with status 0, but the documents were not run to their end"

func arguments(d Definition) []string {
	args := []string{
		Program, "component", "run", "--stream", "--no-log",
		"--config", inside + "/control/run.json",
		"--state-directory", inside + "/state",
		"--bucket", localBucket + "=" + inside + "/bucket/" + localBucket,
	}
	for name := range d.Buckets {
		args = append(args, "--bucket", name+"="+inside+"/bucket/"+name)
	}
	return args
}

// shares lists this machine's directories that the sandbox sees. Only the secrets and the state are writable.
func (r Runner) shares(d Definition) []sandbox.Share {
	memory := func(name string) string { return filepath.Join(d.Dir, "memory", name) }
	shares := []sandbox.Share{
		{Source: r.Binary, Target: Program, ReadOnly: true},
		{Source: memory("control"), Target: inside + "/control", ReadOnly: true},
		{Source: memory("bucket"), Target: inside + "/bucket/" + localBucket, ReadOnly: true},
		{Source: memory("state"), Target: inside + "/state"},
		{Source: memory("secrets"), Target: insideSecrets},
	}
	for name, dir := range d.Buckets {
		shares = append(shares, sandbox.Share{Source: dir, Target: inside + "/bucket/" + name, ReadOnly: true})
	}

	return shares
}

// config is the file that awstoe takes with --config.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-run-config-input.html
type config struct {
	Documents []configDocument `json:"documents"`
	Phases    string           `json:"phases"`
}

type configDocument struct {
	Path       string                `json:"path"`
	Parameters []component.Parameter `json:"parameters,omitempty"`
}

// fill writes documents, script and secrets into memory, where the sandbox sees them.
func (d Definition) fill(memory *secret.Memory) error {
	run := config{Phases: strings.Join(d.Phases, ",")}
	for i, document := range d.Documents {
		name := filepath.Join("documents", strconv.Itoa(i), document.Name)
		if err := memory.Write(filepath.Join("control", name), document.Text); err != nil {
			return err
		}
		run.Documents = append(run.Documents, configDocument{Path: inside + "/control/" + name, Parameters: document.Parameters})
	}

	text, err := json.Marshal(run)
	if err != nil {
		return fmt.Errorf("encode run configuration: %w", err)
	}
	if err := memory.Write("control/run.json", text); err != nil {
		return err
	}

	return d.fillShares(memory)
}

// fillShares writes the script and the secrets, and makes the directory that a rebooted run finds its state in.
func (d Definition) fillShares(memory *secret.Memory) error {
	for _, dir := range []string{"state", "secrets", "bucket"} {
		if err := os.Mkdir(filepath.Join(memory.Dir(), dir), 0o700); err != nil {
			return fmt.Errorf("make shared directory: %w", err)
		}
	}

	if d.Script != nil {
		if err := memory.Write("bucket/bootstrap", d.Script); err != nil {
			return err
		}
	}

	for _, s := range d.Secrets {
		if err := memory.Write("secrets/"+s.Name, s.Value); err != nil {
			return err
		}
	}

	return nil
}
