// Package publish makes an AMI of a baked disk, with no instance: the blocks that differ from the base go into a snapshot
// through the EBS direct APIs, and the snapshot is registered as an AMI that boots as the base does.
//
// The same image is published once: its AMI is found again by a tag. What was interrupted continues. An AMI whose base
// is billed by what it contains is refused, because RegisterImage would lose that. The package knows neither parameters
// nor topics: what follows once an AMI is available belongs to the pipeline.
package publish

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
	"image-builder/internal/snapshot"
)

// ImageTag is the tag of an AMI and of its snapshot whose value is the ID of the image they were made from.
const ImageTag = "image-builder:image"

// Publisher publishes images in one region.
type Publisher struct {
	AMIs      AMIs
	Writer    snapshot.Writer
	Snapshots snapshot.Catalog
	// Journals is a directory for records of interrupted publications.
	Journals string
	// Known reports whether an image is still here: without it an interrupted publication cannot continue, and what it
	// left in the account is deleted. nil: it is left alone.
	Known func(ctx context.Context, imageID string) (bool, error)

	Pace     snapshot.Pace
	Bounds   snapshot.Bounds
	Progress progress.Func
	Now      func() time.Time
}

// Request says what to publish.
type Request struct {
	Image image.Image
	Base  image.Base // that the image was baked from
	// Name is the AMI's, 3 to 128 characters; "": the image's name and ID.
	Name        string
	Description string
	Tags        map[string]string // besides those that say where the AMI comes from
	Accounts    []string          // that may launch the AMI, by number
	Units       []string          // organizational units that may launch it, by ARN
}

// available bounds the wait for an AMI whose snapshot is complete.
const available = 30 * time.Minute

// AMI publishes an image and returns when its AMI is available and shared.
func (p Publisher) AMI(ctx context.Context, r Request) (image.Published, error) {
	published, err := p.ami(ctx, r)
	if err != nil {
		return image.Published{}, fmt.Errorf("publish %s: %w", r.Image.ID, err)
	}
	return published, nil
}

func (p Publisher) ami(ctx context.Context, r Request) (image.Published, error) {
	region, err := p.AMIs.Region(ctx)
	if err == nil {
		err = publishable(r)
	}
	if err == nil {
		err = p.clear(ctx, region)
	}

	if err != nil {
		return image.Published{}, err
	}

	found, err := p.existing(ctx, r.Image.ID)
	if err != nil {
		return image.Published{}, err
	}
	done := image.Published{Region: region, AMI: found.ID, Snapshot: found.Snapshot, Name: found.Name, Parent: found.Tags[parentTag], Created: p.Now()}

	if found.ID == "" {
		done, err = p.make(ctx, r, region)
		if err != nil {
			return image.Published{}, err
		}
	} else {
		p.note("%s was made from %s before", found.ID, r.Image.ID)
	}

	if err := p.finish(ctx, r, done); err != nil {
		return image.Published{}, err
	}
	return done, p.forget(r, region)
}

// finish waits until an AMI is available, and shares it.
func (p Publisher) finish(ctx context.Context, r Request, made image.Published) error {
	if err := p.wait(ctx, made.AMI); err != nil {
		return err
	}
	if len(r.Accounts)+len(r.Units) == 0 {
		return nil
	}
	return p.AMIs.Share(ctx, made.AMI, r.Accounts, r.Units)
}

// Copy copies an image's AMI from another region, and returns when the copy is available and shared. A copy that is
// there is found again by its tag.
func (p Publisher) Copy(ctx context.Context, r Request, from image.Published) (image.Published, error) {
	made, err := p.copy(ctx, r, from)
	if err != nil {
		return image.Published{}, fmt.Errorf("copy %s: %w", from.AMI, err)
	}
	return made, nil
}

func (p Publisher) copy(ctx context.Context, r Request, from image.Published) (image.Published, error) {
	region, err := p.AMIs.Region(ctx)
	if err != nil {
		return image.Published{}, err
	}
	defer p.Progress.Stage("copy to " + region)()

	made, err := p.existing(ctx, r.Image.ID)
	if err == nil && made.ID == "" {
		made = image.AMI{ID: from.AMI, Name: from.Name, Tags: copyTags(r, from)}
		token := sha256.Sum256([]byte(from.AMI + " " + region))
		made.ID, err = p.AMIs.CopyAMI(ctx, made, from.Region, hex.EncodeToString(token[:]))
	}

	if err != nil {
		return image.Published{}, err
	}

	done := image.Published{Region: region, AMI: made.ID, Name: made.Name, Snapshot: made.Snapshot, Source: from.AMI, Created: p.Now()}
	return done, p.finish(ctx, r, done)
}

// existing returns the AMI that was made from an image before; the zero AMI if there is none.
func (p Publisher) existing(ctx context.Context, id string) (image.AMI, error) {
	found, err := p.AMIs.OwnAMIs(ctx, ImageTag, id)
	if err != nil {
		return image.AMI{}, err
	}
	usable := slices.IndexFunc(found, func(a image.AMI) bool { return a.State == "available" || a.State == "pending" })
	if usable < 0 {
		return image.AMI{}, nil
	}
	return found[usable], nil
}

// make sends the disk and registers its snapshot.
func (p Publisher) make(ctx context.Context, r Request, region string) (image.Published, error) {
	parent, err := p.parent(ctx, r, region)
	if err != nil {
		return image.Published{}, err
	}

	if parent != nil {
		defer func() { _ = errors.Join(parent.Digests.Close(), parent.Disk.Close()) }() // they were only read
	}

	sent, err := p.send(ctx, r, region, parent)
	if err != nil {
		return image.Published{}, err
	}
	ami := likeBase(r)
	ami.Name = nameOf(r)
	ami.Snapshot = sent.Snapshot
	ami.RootSize = max(ami.RootSize, snapshot.VolumeSize(r.Image.Size))
	ami.Tags = tagsOf(r, parent)
	id, err := p.register(ctx, ami, r)
	if err != nil {
		return image.Published{}, err
	}

	done := image.Published{
		Region: region, AMI: id, Snapshot: sent.Snapshot, Parent: ami.Tags[parentTag], Name: ami.Name, Blocks: sent.Blocks, Created: p.Now(),
	}
	return done, nil
}

// register registers an AMI. If the name belongs to an AMI of this very image, whose registration got no answer, that
// AMI is the result.
func (p Publisher) register(ctx context.Context, ami image.AMI, r Request) (string, error) {
	defer p.Progress.Stage("register AMI")()
	description := cmp.Or(r.Description, fmt.Sprintf("%s, baked from %s", r.Image.ID, r.Image.Base))
	id, registerErr := p.AMIs.Register(ctx, ami, description)
	if registerErr == nil {
		return id, nil
	}
	if found, err := p.existing(ctx, r.Image.ID); err == nil && found.ID != "" {
		return found.ID, nil
	}
	return "", registerErr
}

// send makes the snapshot.
func (p Publisher) send(ctx context.Context, r Request, region string, parent *snapshot.Parent) (sent snapshot.Uploaded, err error) {
	defer p.Progress.Stage("upload")()
	if err := os.MkdirAll(p.Journals, 0o700); err != nil {
		return sent, fmt.Errorf("keep what was sent: %w", err)
	}
	file, err := os.Open(r.Image.Disk)
	if err != nil {
		return sent, fmt.Errorf("read disk: %w", err)
	}
	defer file.Close()

	digests, known, err := digestsOf(p.journal(r, region), r.Image.Disk)
	if err != nil {
		return sent, err
	}
	defer func() { err = errors.Join(err, digests.Close()) }()

	return snapshot.Upload{
		Writer: p.Writer, Catalog: p.Snapshots, Disk: file, Parent: parent, Digests: digests, Known: known,
		Name: r.Image.ID, Description: "root disk of " + nameOf(r), Tags: tagsOf(r, parent),
		Journal: p.journal(r, region), Pace: p.Pace, Bounds: p.Bounds, Moved: p.moved, Report: p.Progress,
	}.Run(ctx)
}

// digestsOf returns the digests of a disk that lie beside it, or else a file for them.
func digestsOf(journal, disk string) (digests *snapshot.Digests, known bool, err error) {
	digests, err = snapshot.OpenDigests(filepath.Join(filepath.Dir(disk), snapshot.DigestsFile))
	if err == nil {
		return digests, true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}

	info, err := os.Stat(disk)
	if err != nil {
		return nil, false, fmt.Errorf("read disk: %w", err)
	}
	digests, err = snapshot.CreateDigests(journal+digestsSuffix, info.Size())

	return digests, false, err
}

// forget removes what an interrupted publication would continue from.
func (p Publisher) forget(r Request, region string) error {
	err := snapshot.Forget(p.journal(r, region))
	removeErr := os.Remove(p.journal(r, region) + digestsSuffix)
	if errors.Is(removeErr, fs.ErrNotExist) {
		removeErr = nil
	}
	return errors.Join(err, removeErr)
}

// digestsSuffix ends the name of a journal's file of the disk's digests.
const digestsSuffix = ".digests"

func (p Publisher) journal(r Request, region string) string {
	return filepath.Join(p.Journals, r.Image.ID+"-"+region)
}

func (p Publisher) moved(moved snapshot.Moved) {
	p.Progress.Send(progress.Event{
		Kind: progress.Bytes, Stage: "upload", Done: moved.Done, Total: moved.Total, Rate: moved.Rate, Retries: moved.Retries, Left: moved.Left,
	})
}

// wait waits until an AMI is available.
func (p Publisher) wait(ctx context.Context, id string) error {
	defer p.Progress.Stage("wait for AMI")()
	began := time.Now()
	wait := patience.Wait{
		For: "AMI " + id + " to be available", Limit: available, Pace: p.Bounds.Most, First: p.Bounds.Soon, Report: p.Progress,
	}

	return wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		ami, err := p.AMIs.AMI(ctx, id)
		switch {
		case errors.Is(err, fs.ErrNotExist) && time.Since(began) < p.Bounds.Visible:
			return patience.Answer{State: "not visible yet"}, nil
		case err == nil && ami.State != "available" && ami.State != "pending":
			err = fmt.Errorf("register AMI: %s is %s: deregister it, then run the same command again", id, ami.State)
		}
		return patience.Answer{Done: ami.State == "available", State: ami.State}, err
	})
}
