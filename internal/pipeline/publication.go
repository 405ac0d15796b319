//go:build linux

package pipeline

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"image-builder/internal/announce"
	"image-builder/internal/image"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
	"image-builder/internal/publish"
)

// Publication makes an image known: its AMIs become available, then the output parameter of each region names the AMI
// there, then the message is sent. So a reader of the message finds the parameters, and a reader of a parameter finds
// the AMI.
type Publication struct {
	Home   Region   // where the disk is sent
	Copies []Region // where the AMI is copied to
	Topics announce.Topics
	// Keep notes an AMI with the image, as soon as it is available; nil: it is not noted.
	Keep   func(ctx context.Context, imageID string, published image.Published) error
	Pause  patience.Pause
	Report progress.Func
}

// Region is the account in one region.
type Region struct {
	Publisher  Publisher
	Parameters announce.Parameters
}

// Announcement says who hears of an AMI. Either may be "".
type Announcement struct {
	Parameter string // that receives the AMI's ID, in each region
	Topic     string // ARN; the message names the AMI of Publication.Home
}

// Run publishes, and returns the AMIs, the one at home first. It may be run again after any failure: an AMI that is
// there is not made twice, but the message may be sent twice.
func (p Publication) Run(ctx context.Context, r publish.Request, a Announcement) ([]image.Published, error) {
	amis, err := p.amis(ctx, r)
	if err != nil {
		return nil, err
	}

	for i, region := range append([]Region{p.Home}, p.Copies...) {
		if err := p.name(ctx, region, a.Parameter, amis[i]); err != nil {
			return amis, err
		}
	}

	if a.Topic != "" {
		if err := announce.Send(ctx, p.Topics, a.Topic, amis[0].AMI); err != nil {
			return amis, fmt.Errorf("announce %s: %w", amis[0].AMI, err)
		}
	}

	return amis, nil
}

// amis makes the AMI of each region, and returns when all are available.
func (p Publication) amis(ctx context.Context, r publish.Request) ([]image.Published, error) {
	home, err := p.Home.Publisher.AMI(ctx, r)
	if err == nil {
		err = p.keep(ctx, r, home)
	}

	if err != nil {
		return nil, err
	}

	amis := make([]image.Published, 1+len(p.Copies))
	amis[0] = home

	copies, ctx := errgroup.WithContext(ctx)
	for i, region := range p.Copies {
		copies.Go(func() error {
			made, err := region.Publisher.Copy(ctx, r, home)
			if err != nil {
				return err
			}
			amis[i+1] = made
			return p.keep(ctx, r, made)
		})
	}

	return amis, copies.Wait()
}

func (p Publication) keep(ctx context.Context, r publish.Request, made image.Published) error {
	if p.Keep == nil {
		return nil
	}
	return p.Keep(ctx, r.Image.ID, made)
}

// name writes the output parameter of a region, and waits until it has the value.
func (p Publication) name(ctx context.Context, region Region, parameter string, ami image.Published) error {
	if parameter == "" {
		return nil
	}
	defer p.Report.Stage("output parameter")()
	_, err := announce.Writer{Parameters: region.Parameters, Pause: p.Pause, Report: p.Report}.Write(ctx, parameter, ami.AMI)
	if err != nil {
		return fmt.Errorf("name %s: %w", ami.AMI, err)
	}
	return nil
}

// Publisher makes the AMIs of images in one region. Satisfied by publish.Publisher.
type Publisher interface {
	// AMI sends the disk, and returns when the AMI is available.
	AMI(ctx context.Context, r publish.Request) (image.Published, error)
	// Copy copies an AMI from another region, and returns when the copy is available.
	Copy(ctx context.Context, r publish.Request, from image.Published) (image.Published, error)
}
