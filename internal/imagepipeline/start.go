package imagepipeline

import (
	"context"
	"strings"
	"time"

	"image-builder/internal/patience"
)

// Start starts builds.
type Start struct {
	Images  Images
	Starter Starter
	Wait    patience.Pause
	Pace    time.Duration // the pause before a retry
}

// startPatience bounds the request for a build. An interruption does not end it: the user must learn whether the
// build was started.
const startPatience = time.Minute

// UnderWayError says that no build was started because others are in progress: the one that ends last would name the
// AMI, even if it is older.
type UnderWayError struct{ Images []Image }

func (e *UnderWayError) Error() string {
	return "start build: one is under way already: " + strings.Join(versions(e.Images), ", ")
}

// Run starts a build of a pipeline; if others are in progress, only when again is true. The token makes retries one
// build.
func (s *Start) Run(ctx context.Context, pipeline, token string, again bool) (Image, error) {
	if !again {
		images, err := s.Images.ListImages(ctx, pipeline)
		if err != nil {
			return Image{}, err
		}
		if running := underWay(images); len(running) > 0 {
			return Image{}, &UnderWayError{Images: running}
		}
	}

	arn := ""
	wait := patience.Wait{For: "an answer to the start of the build", Limit: longest, Pace: s.Pace, Pause: interruptible(ctx, s.Wait)}
	err := wait.Until(context.WithoutCancel(ctx), func(context.Context) (answer patience.Answer, err error) {
		asking, stop := context.WithTimeout(context.WithoutCancel(ctx), startPatience)
		defer stop()
		arn, err = s.Starter.StartBuild(asking, pipeline, token)
		return patience.Answer{Done: true}, err
	})
	if err != nil {
		return Image{}, err
	}

	return Image{ARN: arn, Version: VersionOf(arn), State: "PENDING"}, nil
}

// underWay returns the images that are being built, newest first.
func underWay(images []Image) []Image {
	var running []Image
	for _, one := range NewestFirst(images) {
		if one.State.Building() {
			running = append(running, one)
		}
	}
	return running
}

// interruptible is a pause that ends with ctx, whatever context the caller passes: the requests in between continue
// without it.
func interruptible(ctx context.Context, pause patience.Pause) patience.Pause {
	return func(_ context.Context, d time.Duration) error { return pause(ctx, d) }
}
