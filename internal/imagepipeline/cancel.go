package imagepipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
)

// Cancel ends builds before they are done.
type Cancel struct {
	Images    Images
	Canceller Canceller
	Made      Made
	Report    progress.Func
	Wait      patience.Pause
	Pace      time.Duration // the longest pause between two looks
}

// cancelPatience bounds the wait for a cancelled build's end: Image Builder first terminates the instance.
const cancelPatience = 15 * time.Minute

// SeveralError says that more than one build is under way, and none was named.
type SeveralError struct{ Images []Image }

func (e *SeveralError) Error() string {
	return "cancel build: several are under way: " + strings.Join(versions(e.Images), ", ")
}

// Class is that of a wrong command line.
func (e *SeveralError) Class() fault.Class { return fault.BadInput }

// Hint names one of the builds.
func (e *SeveralError) Hint() string { return "name one: image-builder cancel " + e.Images[0].Version }

// Choose returns the build that a name means, as for Find; an empty name means the only one under way. The image that
// it returns may have ended.
func (c *Cancel) Choose(ctx context.Context, pipeline, name string) (Image, error) {
	images, err := c.Images.ListImages(ctx, pipeline)
	if err != nil {
		return Image{}, err
	}

	if name != "" {
		chosen, found := Find(NewestFirst(images), name)
		if !found {
			return Image{}, fault.New(fault.NotUsable, fmt.Errorf("cancel build %s: the stack has no image of that version", name), "image-builder status lists them")
		}
		return chosen, nil
	}

	running := underWay(images)
	switch len(running) {
	case 0:
		return Image{}, fault.New(fault.NotUsable, errors.New("cancel build: none is under way"), "image-builder status lists the last builds")
	case 1:
		return running[0], nil
	}

	return Image{}, &SeveralError{Images: running}
}

// Run cancels a build, and waits until it has ended. It returns the image as it is then: a build may be done or fail
// before the service cancels it. The token makes retries one call. The error wraps a *patience.LateError if the build
// has not ended after a quarter of an hour.
func (c *Cancel) Run(ctx context.Context, one Image, token string) (Image, error) {
	if !one.State.Building() {
		return one, nil
	}
	defer c.Report.Stage("cancel build " + one.Version)()

	if err := c.ask(ctx, one, token); err != nil {
		now, readErr := c.Images.Image(ctx, one.ARN)
		if readErr == nil && !now.State.Building() {
			return now, nil // it ended before it could be cancelled
		}
		return one, err
	}

	wait := patience.Wait{For: "the end of build " + one.Version, Limit: cancelPatience, Pace: c.Pace, Pause: c.Wait, Report: c.Report}
	err := wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		now, err := c.Images.Image(ctx, one.ARN)
		if err != nil {
			return patience.Answer{}, err
		}
		changed := now.State != one.State
		one = now
		return patience.Answer{Done: !now.State.Building(), Changed: changed, State: string(now.State)}, nil
	})

	return one, err
}

// ask requests the cancellation. An interruption ends it only between two tries: the user must learn whether it was
// asked for.
func (c *Cancel) ask(ctx context.Context, one Image, token string) error {
	wait := patience.Wait{
		For: "an answer to the cancellation of build " + one.Version, Limit: cancelPatience, Pace: c.Pace,
		Pause: interruptible(ctx, c.Wait), Report: c.Report,
	}
	return wait.Until(context.WithoutCancel(ctx), func(context.Context) (patience.Answer, error) {
		asking, stop := context.WithTimeout(context.WithoutCancel(ctx), startPatience)
		defer stop()
		return patience.Answer{Done: true}, c.Canceller.CancelBuild(asking, one.ARN, token)
	})
}

// builtBy is the tag with which Image Builder marks what a build made, with the image's ARN as value.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/tag-resources.html
const builtBy = "Ec2ImageBuilderArn"

// Leftovers returns the AMIs that a build made, whatever became of it: one that is cancelled while its AMI is tested
// or distributed may leave it behind.
func (c *Cancel) Leftovers(ctx context.Context, one Image) ([]image.AMI, error) {
	return c.Made.OwnAMIs(ctx, builtBy, one.ARN)
}

// versions are the versions of images, with their states.
func versions(images []Image) []string {
	var names []string
	for _, one := range images {
		names = append(names, fmt.Sprintf("%s (%s)", one.Version, one.State))
	}
	return names
}
