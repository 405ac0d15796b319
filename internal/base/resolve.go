package base

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/filelock"
	"image-builder/internal/image"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
)

// Resolver turns a recipe's base reference into a disk that can be cloned; it makes the disk if it does not exist
// yet.
type Resolver struct {
	Catalog    Catalog
	Parameters Parameters
	// NewRun makes the private directory in which a base is made, and returns its path too.
	NewRun func(ctx context.Context) (Run, string, error)
	// Lock is a file that one process at a time holds while it makes a base, so that concurrent bakes make the same
	// base once.
	Lock     string
	Progress progress.Func
	Now      func() time.Time
	// Account provides AMIs; nil: AMIs cannot be used.
	Account *Account
}

// Resolve finds the base that a reference means:
//
//   - the name of a base in the catalog, or an image's ID or name: an image can be a base too;
//   - debian:SUITE or ubuntu:SUITE, built on first use;
//   - a path, pulled on first use and again when the file has changed;
//   - https://…#sha256=…, downloaded on first use;
//   - ami-…, pulled on first use;
//   - ssm:/name, a parameter whose value is one of the above: this machine's, or else the account's. It is read every
//     time, so another value is noticed.
func (r Resolver) Resolve(ctx context.Context, reference string) (image.Base, error) {
	if name, ok := strings.CutPrefix(reference, "ssm:"); ok {
		value, err := r.parameter(ctx, name)
		if err != nil {
			return image.Base{}, &Unresolved{reference, err}
		}
		if strings.HasPrefix(value, "ssm:") {
			return image.Base{}, &Unresolved{reference, fmt.Errorf("its value %s is a parameter again: put the name of a base or an image ID", value)}
		}
		reference = value
	}

	base, err := r.resolve(ctx, reference)
	if err != nil {
		return image.Base{}, &Unresolved{reference, err}
	}

	return base, nil
}

// parameter returns the value of a parameter of this machine, or else of the account.
func (r Resolver) parameter(ctx context.Context, name string) (string, error) {
	value, err := r.Parameters.Parameter(ctx, name)
	if !errors.Is(err, fs.ErrNotExist) || r.Account == nil {
		return value, err
	}
	there, accountErr := r.Account.Parameters.Parameter(ctx, name)
	if accountErr != nil {
		return "", errors.Join(err, accountErr)
	}
	return there, nil
}

// Unresolved says why a base reference led to no disk.
type Unresolved struct {
	Reference string
	Err       error
}

func (u *Unresolved) Error() string { return fmt.Sprintf("resolve base %s: %v", u.Reference, u.Err) }

// Class is that of things that cannot be used, unless the reason has its own.
func (u *Unresolved) Class() fault.Class {
	if class := fault.ClassOf(u.Err); class != fault.Failed {
		return class
	}
	return fault.NotUsable
}

// Hint is the reason's.
func (u *Unresolved) Hint() string { return fault.HintOf(u.Err) }

// Unwrap returns the reason.
func (u *Unresolved) Unwrap() error { return u.Err }

// errAbsent says why a name cannot be made into a base.
var errAbsent = errors.New("there is no base or image of this name: image-builder base list shows what there is; " +
	"write debian:bookworm, a path to a .raw or .qcow2 file, or https://…#sha256=…")

func (r Resolver) resolve(ctx context.Context, reference string) (found image.Base, err error) {
	wanted, err := r.plan(reference)
	if err != nil {
		return image.Base{}, err
	}
	if found, ok, err := r.find(ctx, wanted); ok || err != nil {
		return found, err
	}
	if wanted.make == nil {
		return image.Base{}, errAbsent
	}

	held, err := lock(ctx, r.Lock, r.Progress)
	if err != nil {
		return image.Base{}, err
	}
	defer func() { err = errors.Join(err, held.Close()) }()

	if found, ok, err := r.find(ctx, wanted); ok || err != nil {
		return found, err // another process made it meanwhile
	}
	return r.Make(ctx, wanted.make)
}

// wanted is what a reference asks for: a name, the origin of an up-to-date base of that name, and how to make it.
type wanted struct {
	name, origin string
	make         func(context.Context, Maker) (image.Base, error)
}

func (r Resolver) plan(reference string) (wanted, error) {
	if d, ok, err := image.ParseDistribution(reference); ok {
		build := func(ctx context.Context, m Maker) (image.Base, error) {
			return m.Build(ctx, Distribution{Distribution: d})
		}
		return wanted{name: reference, make: build}, err
	}
	if image.IsAMI(reference) {
		return wanted{name: reference, make: r.pullAMI(reference)}, nil
	}

	pull := func(name string) func(context.Context, Maker) (image.Base, error) {
		return func(ctx context.Context, m Maker) (image.Base, error) {
			return m.Pull(ctx, Source{Location: reference, Name: name})
		}
	}

	isPath := strings.Contains(reference, "/") || slices.Contains([]string{".raw", ".qcow2", ".img"}, filepath.Ext(reference))
	if !isPath {
		return wanted{name: reference}, nil
	}
	name, err := PulledName(reference)
	if err != nil || isURL(reference) {
		return wanted{name: name, make: pull(name)}, err
	}

	origin, err := originOf(name)
	return wanted{name: name, origin: origin, make: pull(name)}, err
}

func (r Resolver) pullAMI(id string) func(context.Context, Maker) (image.Base, error) {
	return func(ctx context.Context, m Maker) (image.Base, error) {
		if r.Account == nil {
			return image.Base{}, errors.New("AMIs are not usable here: name a disk, or debian:bookworm")
		}
		bases, err := r.Catalog.Bases(ctx)
		if err != nil {
			return image.Base{}, err
		}
		return m.AMI(ctx, *r.Account, id, amisOf(bases))
	}
}

// PulledName is the default name of a base pulled from a location: the absolute path, or the URL without its secret
// parts.
func PulledName(location string) (string, error) {
	if !isURL(location) {
		path, err := filepath.Abs(location)
		if err != nil {
			return "", fmt.Errorf("find disk: %w", err)
		}
		return path, nil
	}

	from, sum, err := parseURL(location)
	if err != nil {
		return "", err
	}

	return publicURL(from) + "#sha256=" + sum, nil
}

// find looks for a wanted base among bases and images.
func (r Resolver) find(ctx context.Context, w wanted) (image.Base, bool, error) {
	bases, err := r.Catalog.Bases(ctx)
	if err != nil {
		return image.Base{}, false, err
	}

	for _, base := range bases {
		if base.Name == w.name && (w.origin == "" || base.Origin == w.origin) {
			return base, true, nil
		}
	}

	images, err := r.Catalog.Images(ctx)
	if err != nil || w.make != nil {
		return image.Base{}, false, err
	}
	found := -1
	for i, img := range images {
		newer := found < 0 || img.Created.After(images[found].Created)
		if img.Failed == "" && (img.ID == w.name || (img.Name == w.name && newer)) {
			found = i
		}
	}

	if found < 0 {
		return image.Base{}, false, nil
	}
	base, err := fromImage(images[found])
	return base, err == nil, err
}

// fromImage makes an image the base of another. Its SHA256 is empty: an image is identified by its ID.
func fromImage(img image.Image) (image.Base, error) {
	root, err := disk.Root(img.Disk)
	return image.Base{
		Name: img.ID, Origin: "image " + img.Name, Arch: img.Arch, Firmware: img.Firmware, Filesystem: root.Filesystem,
		Size: img.Size, Data: img.Data, Disk: img.Disk, Created: img.Created,
	}, err
}

// Make makes a base in a run of its own and commits it.
func (r Resolver) Make(ctx context.Context, create func(context.Context, Maker) (image.Base, error)) (made image.Base, err error) {
	run, dir, err := r.NewRun(ctx)
	if err != nil {
		return image.Base{}, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	made, err = create(ctx, Maker{Dir: dir, Progress: r.Progress, Now: r.Now})
	if err != nil {
		return image.Base{}, err
	}
	return run.CommitBase(ctx, made)
}

// patient bounds the wait for another process, which may copy a snapshot and then download it.
const patient = 2 * copying

// lock waits until no other process holds the file at path, and holds it. It says that it waits.
func lock(ctx context.Context, path string, report progress.Func) (held *filelock.Lock, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("wait for other bases being made: %w", err)
	}

	said := false
	wait := patience.Wait{For: "another process, which makes a base", Limit: patient, Pace: 100 * time.Millisecond}
	err = wait.Until(ctx, func(context.Context) (patience.Answer, error) {
		lock, err := filelock.Exclusive(file)
		if err == nil {
			held = lock
			return patience.Answer{Done: true}, nil
		}
		if !errors.Is(err, filelock.ErrHeld) {
			return patience.Answer{}, fmt.Errorf("wait for other bases being made: %w", err)
		}

		if !said {
			report.Send(progress.Event{Kind: progress.Note, Text: "waiting for another process, which makes a base"})
			said = true
		}
		return patience.Answer{State: "held by another process"}, nil
	})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}

	return held, nil
}
