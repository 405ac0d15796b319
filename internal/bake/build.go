package bake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"image-builder/internal/component"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/sandbox"
	"image-builder/internal/secret"
)

// Paths inside a machine. /run and /tmp never reach the disk.
const (
	inside        = "/run/image-builder"
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

// build runs the documents. When it returns, the machine is stopped, the secrets are gone from memory and the free
// space of the disk is holes.
func (b Bake) build(ctx context.Context, d Definition) (steps []image.Step, err error) {
	defer b.Report.Stage("build")()
	memory, err := secret.MountMemory(filepath.Join(d.Dir, "memory"), memorySize)
	if err != nil {
		return nil, fmt.Errorf("keep secrets in memory: %w", err)
	}
	defer func() { err = errors.Join(err, memory.Close()) }()

	if err := d.fill(memory); err != nil {
		return nil, err
	}
	machine, err := b.start(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, machine.Stop(ctx), os.Remove(d.workDir())) // never into a mount that Stop could not end
	}()

	journal, err := newJournal(d.Logs, d.hidden, b.Report)
	if err != nil {
		return nil, err
	}
	err = b.execute(ctx, machine, d, journal)

	return journal.close(d.ofDisk(err))
}

// ofDisk replaces our copy's path by the base's name: the copy is gone when the error is read.
func (d Definition) ofDisk(err error) error {
	if unusable := (*disk.Unusable)(nil); errors.As(err, &unusable) && unusable.Path == d.disk() {
		unusable.Path = d.Base.Name
	}
	return err
}

func (b Bake) start(ctx context.Context, d Definition) (sandbox.Machine, error) {
	if err := os.Mkdir(d.workDir(), 0o700); err != nil {
		return nil, err
	}
	return b.Start(ctx, d.disk(), d.workDir(), b.shares(d))
}

// execute runs `component run` inside until it is done, rebooting as often as it asks.
func (b Bake) execute(ctx context.Context, machine sandbox.Machine, d Definition, journal *journal) error {
	command := sandbox.Command{Args: arguments(d), Env: d.Env, Stdout: journal, Stderr: journal.stderr}
	for range rebootLimit + 1 {
		journal.restart()
		err := machine.Run(ctx, command)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}

		var exit sandbox.ExitError
		if err == nil && !journal.succeeded() {
			return &disk.Unusable{Path: d.disk(), Reason: noResult, Next: "use a base whose /bin/sh is a shell"}
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
		inside + "/image-builder", "component", "run", "--stream", "--no-log",
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
func (b Bake) shares(d Definition) []sandbox.Share {
	memory := func(name string) string { return filepath.Join(d.Dir, "memory", name) }
	shares := []sandbox.Share{
		{Source: b.Binary, Target: inside + "/image-builder", ReadOnly: true},
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
	run := config{Phases: "build,validate"}
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
