// Package bake is the build stage: it turns a base disk, component documents and secrets into a sealed disk.
//
// It clones the base, brings up a sandbox.Machine on the clone, runs the documents in it (inside) and seals the result:
// free space discarded, given the base's bytes where its own mean nothing, disk read-only, filesystem checked, every byte
// that is neither in a hole nor still the base's searched for every secret.
// The package never decides what is baked (recipe), never makes anything visible (local) and prints nothing.
package bake

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"image-builder/internal/component/inside"
	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/sandbox"
	"image-builder/internal/secret"
)

// Definition is one bake, with every name resolved.
type Definition struct {
	ID           string // of the image to be
	Name         string
	Base         image.Base
	RecipeDigest string
	Documents    []Document // in execution order
	// Script is the bootstrap script that the bootstrap document downloads from ScriptURL; nil without one.
	Script  []byte
	Buckets map[string]string // bucket name → local directory that stands for it
	// Secrets are the files in /tmp/secrets while the bake runs.
	Secrets []secret.Secret
	// Credentials are values in Env that, like the secrets, must not reach the log or the disk.
	Credentials []secret.Secret
	// Env is the environment of documents and scripts, including credentials: NAME=value.
	Env       []string
	DiskSize  int64 // bytes; 0 leaves the base's size
	AllowLeak []string
	Parameter string
	Timeout   time.Duration // of the whole bake
	// KeepFailed asks for the disk in its state when a step failed.
	KeepFailed bool
	// Dir is a private directory for everything temporary, and for the finished disk until it is committed.
	Dir string
	// Logs is the directory of the step logs.
	Logs string

	hidden *secret.Set // Secrets and Credentials
}

// Document is a component document and the values of its parameters.
type Document = inside.Document

// ScriptURL is where the bootstrap document finds a local script.
const ScriptURL = inside.ScriptURL

// StepError says that a step failed, and shows the end of what it printed.
type StepError = inside.StepError

// Bake holds a bake's connections to the outside.
type Bake struct {
	// Start brings a disk up.
	Start func(ctx context.Context, disk, workDir string, shares []sandbox.Share) (sandbox.Machine, error)
	// Prefetch gives the finished disk what its boots read ahead, before it is sealed; nil leaves that out. dir is private.
	// Satisfied by prefetch.Prefetch.Disk.
	Prefetch func(ctx context.Context, disk, dir string) (image.Prefetch, error)
	// Binary is the path of this program, statically linked.
	Binary string
	Report progress.Func
	Now    func() time.Time
}

// Run bakes. The resulting image lies at Definition.Dir/disk.raw and is not visible yet.
//
// A failed step yields a StepError, a secret found on the disk a LeakError. With KeepFailed, the image is returned
// together with a StepError, or with what Prefetch says of a disk that cannot be used, its Failed field set; after any other
// error the image is empty.
func (b Bake) Run(ctx context.Context, d Definition) (image.Image, error) {
	unbounded := ctx
	if d.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d.Timeout, timeoutError(d.Timeout))
		defer cancel()
	}

	start := b.Now()
	if err := d.check(); err != nil {
		return image.Image{}, err
	}
	d.hidden = secret.NewSet(slices.Concat(d.Secrets, d.Credentials))
	attached, err := b.clone(ctx, d)
	if err != nil {
		return image.Image{}, err
	}

	steps, failed := b.build(ctx, d, attached)
	kept := d.keeps(failed)
	var ahead *image.Prefetch
	if failed == nil && b.Prefetch != nil {
		ahead, failed = b.ahead(ctx, d)
		kept = d.KeepFailed && fault.ClassOf(failed) == fault.NotUsable
	}
	if failed != nil {
		if !kept {
			return image.Image{}, failed
		}
		ctx = unbounded // a timeout may have ended the step; the disk is sealed all the same
	}

	search, err := b.finish(ctx, d)
	if err != nil {
		return image.Image{}, errors.Join(failed, err)
	}

	img, err := b.record(d, steps, search, failed)
	img.Prefetch = ahead
	img.Created = start.UTC()
	img.Elapsed = image.Duration(b.Now().Sub(start))
	return img, errors.Join(failed, err)
}

// ahead gives the built disk what its boots read ahead.
func (b Bake) ahead(ctx context.Context, d Definition) (*image.Prefetch, error) {
	made, err := b.Prefetch(ctx, d.disk(), d.Dir)
	if err != nil {
		return nil, err
	}
	return &made, nil
}

// finish makes the built disk one that can be kept.
func (b Bake) finish(ctx context.Context, d Definition) (*image.Search, error) {
	// a snapshot of the base is worth its free space: blocks that are equal need not be sent
	if err := disk.Settle(ctx, d.disk(), d.Base.Disk, d.Base.Snapshot != ""); err != nil {
		return nil, err
	}
	return b.seal(ctx, d)
}

// keeps reports whether the disk of a failed bake is wanted. After an interruption it is not: the user does not want
// to wait for the search of the disk.
func (d Definition) keeps(failed error) bool {
	return d.KeepFailed && errors.As(failed, new(*StepError)) && !errors.Is(failed, context.Canceled)
}

// timeoutError says how long a bake was allowed to take. It is a context.DeadlineExceeded.
type timeoutError time.Duration

func (e timeoutError) Error() string {
	return fmt.Sprintf("the bake took longer than %s: raise timeout, or see what its last step waits for", time.Duration(e))
}

func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

func (d Definition) disk() string { return filepath.Join(d.Dir, "disk.raw") }

// check returns an error if the bake cannot work, before anything is copied.
func (d Definition) check() error {
	if here := image.HostArch(); d.Base.Arch != here {
		return &disk.Unusable{Path: d.Base.Disk, Reason: fmt.Sprintf("base %s is for %s, and this machine is %s: bake it on a machine of its own kind", d.Base.Name, d.Base.Arch, here)}
	}
	if d.DiskSize != 0 && d.DiskSize < d.Base.Size {
		return &disk.Unusable{Path: d.Base.Disk, Reason: fmt.Sprintf("base %s has %d bytes, and %d were asked for: a disk can only grow, so leave disk: out or ask for more", d.Base.Name, d.Base.Size, d.DiskSize)}
	}
	return nil
}

// build runs the documents. When it returns, the machine is stopped, the secrets are gone from memory and the free
// space of the disk is holes.
func (b Bake) build(ctx context.Context, d Definition, attached *disk.Early) ([]image.Step, error) {
	defer b.Report.Stage("build")()
	return inside.Runner{Start: b.Start, Binary: b.Binary, Report: b.Report}.Run(ctx, inside.Definition{
		Disk: d.disk(), Attached: attached, Source: d.Base.Name, Dir: d.Dir, Logs: d.Logs, Documents: d.Documents,
		Phases: []string{"build", "validate"}, Script: d.Script, Buckets: d.Buckets, Secrets: d.Secrets, Hidden: d.hidden, Env: d.Env,
	})
}

// clone makes the disk, attached as far as that saves time.
func (b Bake) clone(ctx context.Context, d Definition) (*disk.Early, error) {
	defer b.Report.Stage("clone")()
	moved := func(done, total int64) {
		b.Report.Send(progress.Event{Kind: progress.Bytes, Stage: "clone", Done: done, Total: total})
	}
	attached, err := disk.CloneEarly(ctx, d.disk(), d.Base.Disk, moved)
	if err != nil {
		return nil, fmt.Errorf("clone base %s: %w", d.Base.Name, err)
	}
	if d.DiskSize == 0 {
		return attached, nil
	}

	// what is attached would keep its size
	if err := errors.Join(attached.Close(), disk.Grow(ctx, d.disk(), d.DiskSize)); err != nil {
		return nil, fmt.Errorf("grow disk: %w", err)
	}
	return attached, nil
}

func (b Bake) record(d Definition, steps []image.Step, search *image.Search, failed error) (image.Image, error) {
	size, data, err := sizes(d.disk())
	if err != nil {
		return image.Image{}, err
	}
	img := image.Image{
		ID: d.ID, Name: d.Name, Base: d.Base.Name, BaseSHA256: d.Base.SHA256, RecipeDigest: d.RecipeDigest,
		Arch: d.Base.Arch, Firmware: d.Base.Firmware, Size: size, Data: data, Disk: d.disk(),
		Parameter: d.Parameter, Steps: steps, Searched: search,
	}

	if failed != nil {
		img.Failed = failed.Error()
		img.Parameter = ""
	}

	return img, nil
}
