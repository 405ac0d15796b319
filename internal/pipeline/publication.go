//go:build linux

package pipeline

import (
	"context"
	"fmt"

	"image-builder/internal/announce"
	"image-builder/internal/image"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
	"image-builder/internal/publish"
)

// Publication makes an image known: its AMI becomes available, then the output parameter names it, then the message is
// sent. So a reader of the message finds the parameter, and a reader of the parameter finds the AMI.
type Publication struct {
	Publisher  Publisher
	Parameters announce.Parameters
	Topics     announce.Topics
	// Keep notes the AMI with the image, as soon as it is available; nil: it is not noted.
	Keep   func(ctx context.Context, imageID string, published image.Published) error
	Pause  patience.Pause
	Report progress.Func
}

// Announcement says who hears of an AMI. Either may be "".
type Announcement struct {
	Parameter string // that receives the AMI's ID
	Topic     string // ARN
}

// Run publishes. It may be run again after any failure: an AMI that is there is not made twice, but the message may be
// sent twice.
func (p Publication) Run(ctx context.Context, r publish.Request, a Announcement) (image.Published, error) {
	published, err := p.Publisher.AMI(ctx, r)
	if err != nil {
		return image.Published{}, err
	}

	if p.Keep != nil {
		if err := p.Keep(ctx, r.Image.ID, published); err != nil {
			return published, err
		}
	}

	if a.Parameter != "" {
		if err := p.name(ctx, a.Parameter, published.AMI); err != nil {
			return published, fmt.Errorf("name %s: %w", published.AMI, err)
		}
	}

	if a.Topic != "" {
		if err := announce.Send(ctx, p.Topics, a.Topic, published.AMI); err != nil {
			return published, fmt.Errorf("announce %s: %w", published.AMI, err)
		}
	}

	return published, nil
}

// name writes the output parameter and waits until it has the value.
func (p Publication) name(ctx context.Context, parameter, ami string) error {
	defer p.Report.Stage("output parameter")()
	_, err := announce.Writer{Parameters: p.Parameters, Pause: p.Pause, Report: p.Report}.Write(ctx, parameter, ami)
	return err
}

// Publisher makes an AMI of an image. Satisfied by publish.Publisher.
type Publisher interface {
	// AMI returns when the AMI is available.
	AMI(ctx context.Context, r publish.Request) (image.Published, error)
}
