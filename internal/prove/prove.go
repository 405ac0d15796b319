// Package prove is the test stage: it boots the disk that was built and runs the test phases of its documents there.
//
// The image is never changed by its own tests: a machine that writes to its disk gets a copy, which is thrown away.
// Before the tests, the machine must stand: booted, with room on its root filesystem and, if it has a network card, an
// address. If it is asked for, the image's own agent then runs its first job (firstjob). The package never decides what
// happens to an image that fails (pipeline) and prints nothing.
package prove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/bootmap"
	"image-builder/internal/component/inside"
	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/sandbox"
	"image-builder/internal/sandbox/guest"
	"image-builder/internal/secret"
)

// Machine is a way to boot a disk.
type Machine struct {
	// Start boots a disk; an image at fault yields a *disk.Unusable.
	Start func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error)
	// Watched is Start, with the disk shown and the console heard by a watch; nil: the machine takes the disk itself.
	Watched func(ctx context.Context, watch *bootmap.Watch, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error)
	// Writes says that the machine writes to the disk that it is given.
	Writes bool
	// Takes returns a *disk.Unusable if the machine cannot take a disk that may be sound; nil: it takes every disk.
	Takes func(ctx context.Context, disk string) error
	// Network is how long to wait for an address, if the machine has a network card.
	Network time.Duration
}

// Prove holds what tests of images need from outside.
type Prove struct {
	Machines map[image.TestIn]Machine
	// Check looks at the image's tree before it is booted; nil leaves that out.
	Check func(ctx context.Context, tree *os.Root) error
	// Binary is the path of this program, statically linked.
	Binary string
	Report progress.Func
	Now    func() time.Time
}

// Definition is one test of an image.
type Definition struct {
	Image image.Image // its Tests are run
	In    image.TestIn
	// Otherwise is the machine for an image that In cannot take; "": such an image fails.
	Otherwise image.TestIn
	Dir       string // private; left as it was
	Logs      string // directory of the step logs
	// Buckets, Env and Hidden are as in a bake. Secrets are not there: no instance has them either.
	Buckets map[string]string
	Env     []string
	Hidden  *secret.Set
	Timeout time.Duration // of the whole test; 0: DefaultTimeout
	Job     bool          // the image's agent runs a first job, before the tests
	// JobBudget is how long the first job may take from power-on, and lets it run; 0: any time.
	JobBudget time.Duration
	// Storage is how slow the disk is when it is touched first, in a machine with Watched; the zero value is not slow.
	Storage blockserver.Storage
	// Seen gets what was seen of a machine with Watched, up to the end of the first job, else until it took commands. It may be nil.
	Seen func(bootmap.Boot)
	// OnlyJob leaves out the test phases.
	OnlyJob bool
}

// DefaultTimeout bounds a test whose recipe says nothing.
const DefaultTimeout = time.Hour

// Run tests an image. An error says what the image is not fit for, and what to do next: a *Failure.
func (p Prove) Run(ctx context.Context, d Definition) (proof image.Proof, err error) {
	defer p.Report.Stage("test")()
	in, err := p.choose(ctx, d)
	if err != nil {
		return image.Proof{}, err
	}
	machine, watch, err := p.Machines[in].watched(d)
	if err != nil {
		return image.Proof{}, err
	}
	defer func() { err = errors.Join(err, watch.Close()) }()

	limit := cmp.Or(d.Timeout, DefaultTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, timeoutError(limit))
	defer cancel()

	start := p.Now()
	proof = image.Proof{In: in, Time: start.UTC()}

	if p.Check != nil {
		if err := disk.Inspect(ctx, d.Image.Disk, func(tree *os.Root) error { return p.Check(ctx, tree) }); err != nil {
			return proof, explain(ctx, err)
		}
	}

	path, attached, err := machine.disk(ctx, d)
	if err != nil {
		return proof, err
	}
	if machine.Writes {
		defer func() { err = errors.Join(err, attached.Close(), removeIfThere(path)) }()
	}

	var console func() []string
	proof.Steps, err = p.documents(ctx, d, machine.heard(&console), path, attached, watch, &proof)
	proof.Elapsed = image.Duration(p.Now().Sub(start))
	if err == nil {
		return proof, nil
	}

	err = explain(ctx, err)
	if failure := (*Failure)(nil); console != nil && errors.As(err, &failure) {
		failure.Console = console()
	}

	return proof, err
}

// disk is the disk that the machine boots: a copy, which the caller removes, if it writes to it.
func (m Machine) disk(ctx context.Context, d Definition) (string, *disk.Early, error) {
	if !m.Writes {
		return d.Image.Disk, nil, nil
	}
	path := filepath.Join(d.Dir, "test.raw")
	attached, err := disk.CloneScratch(ctx, path, d.Image.Disk)
	if err != nil {
		return "", nil, fmt.Errorf("test image: copy disk: %w", errors.Join(err, removeIfThere(path)))
	}
	return path, attached, nil
}

// heard is the machine, and tells how to get the console of one that was started, if it has one.
func (m Machine) heard(console *func() []string) Machine {
	start := m.Start
	m.Start = func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error) {
		started, err := start(ctx, disk, workDir, shares)
		if speaker, ok := started.(interface{ Console() []string }); ok && err == nil {
			*console = speaker.Console
		}
		return started, err
	}
	return m
}

// choose returns the machine to test in, and says so if it is not the one that was asked for.
func (p Prove) choose(ctx context.Context, d Definition) (image.TestIn, error) {
	machine, known := p.Machines[d.In]
	if !known {
		return "", fmt.Errorf("test image: there is no machine named %q: use vm, container or none", d.In)
	}
	if d.Otherwise == "" || machine.Takes == nil {
		return d.In, nil
	}

	err := machine.Takes(ctx, d.Image.Disk)
	if unusable := (*disk.Unusable)(nil); errors.As(err, &unusable) {
		p.Report.Send(progress.Event{Kind: progress.Note, Text: fmt.Sprintf("tests run in a %s, not in a %s: %s", d.Otherwise, d.In, unusable.Reason)})
		return d.Otherwise, nil
	}
	if err != nil {
		return "", fmt.Errorf("test image: %w", err)
	}

	return d.In, nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// documents boots the disk and runs the test phases.
func (p Prove) documents(ctx context.Context, d Definition, machine Machine, path string, attached *disk.Early, watch *bootmap.Watch, proof *image.Proof) ([]image.Step, error) {
	start := p.Now()
	run := inside.Definition{
		Disk: path, Attached: attached, Source: d.Image.ID, Dir: d.Dir, Logs: d.Logs, Phases: []string{"test"},
		Buckets: d.Buckets, Env: d.Env, Hidden: d.Hidden,
	}
	for _, test := range d.Image.Tests {
		document, err := documentOf(test)
		if err != nil {
			return nil, err
		}
		if !d.OnlyJob {
			run.Documents = append(run.Documents, document)
		}
	}

	if run.Hidden == nil {
		run.Hidden = secret.NewSet(nil)
	}

	run.Ready = func(ctx context.Context, m sandbox.Machine) error {
		proof.Boot = image.Duration(p.Now().Sub(start))
		if err := p.ready(ctx, m, d, machine.Network, start, proof); err != nil {
			return err
		}
		return p.watch(ctx, d, watch, m, proof, start)
	}

	return inside.Runner{Start: machine.Start, Binary: p.Binary, Report: p.Report}.Run(ctx, run)
}

// ready sees whether a booted machine stands, and lets its agent run a first job if that is asked for.
func (p Prove) ready(ctx context.Context, m sandbox.Machine, d Definition, network time.Duration, start time.Time, proof *image.Proof) error {
	facts, err := look(ctx, m, d.Env, network)
	if err != nil {
		return err
	}
	proof.Failed = facts.Failed
	proof.Free = facts.Free
	if err := stands(facts); err != nil || (!d.Job && d.JobBudget == 0) {
		return err
	}
	proof.Job, err = p.job(ctx, m, d, start)

	return err
}

// gone reports whether an error says that the machine did not outlive a command.
func gone(err error) bool {
	return errors.Is(err, guest.ErrGone) || errors.Is(err, guest.ErrRestarted)
}
