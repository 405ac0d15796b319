package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"image-builder/internal/aws"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/patience"
	"image-builder/internal/pipeline"
	"image-builder/internal/progress"
	"image-builder/internal/publish"
	"image-builder/internal/snapshot"
)

// newPublication wires a publication to AWS: the first region gets the disk, the others copies. Without a region it is
// the environment's.
func newPublication(env *Env, store *local.Store, report progress.Func, regions []string, poll time.Duration) pipeline.Publication {
	if len(regions) == 0 {
		regions = []string{""}
	}

	var all []pipeline.Region
	for _, region := range regions {
		all = append(all, pipeline.Region{
			Publisher: newPublisher(env, store, report, region, poll), Parameters: newAccount(region).parameters,
		})
	}

	return pipeline.Publication{
		Home: all[0], Copies: all[1:], Topics: &aws.Topics{Session: newAccount(regions[0]).session}, Keep: keepAMI(store, report),
		Pause: patience.Sleep, Report: report,
	}
}

// keepAMI notes AMIs with their image. An image that was removed meanwhile does not end the publication: its AMI is
// there, so the parameter and the message may name it.
func keepAMI(store *local.Store, report progress.Func) func(context.Context, string, image.Published) error {
	return func(ctx context.Context, imageID string, made image.Published) error {
		err := store.KeepAMI(ctx, imageID, made)
		if missing := (*local.MissingError)(nil); errors.As(err, &missing) {
			text := fmt.Sprintf("%s was removed meanwhile: %s in %s is there, and no image here names it", imageID, made.AMI, made.Region)
			report.Send(progress.Event{Kind: progress.Note, Text: text})
			return nil
		}
		return err
	}
}

// known reports whether an image is in the store.
func known(store *local.Store) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, imageID string) (bool, error) {
		_, err := store.Image(ctx, imageID)
		if missing := (*local.MissingError)(nil); errors.As(err, &missing) {
			return false, nil
		}
		return err == nil, err
	}
}

// newPublisher publishes in a region; "" is the environment's. Poll is the longest pause between two looks at what
// AWS does.
func newPublisher(env *Env, store *local.Store, report progress.Func, region string, poll time.Duration) publish.Publisher {
	a := newAccount(region)
	bounds := snapshot.DefaultBounds
	bounds.Most = poll
	return publish.Publisher{
		AMIs: a.machines, Writer: &aws.EBS{Session: a.session}, Snapshots: a.machines,
		Journals: filepath.Join(store.Dir(), "publications"), Known: known(store), Pace: snapshot.DefaultPace, Bounds: bounds, Progress: report, Now: env.Now,
	}
}
