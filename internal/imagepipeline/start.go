package imagepipeline

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Start starts builds.
type Start struct {
	Images  Images
	Starter Starter
	Wait    Wait
	Pace    time.Duration // the pause before it is tried again
}

// startPatience is how long a build that was asked for is waited for, also by somebody who has lost patience: they
// must learn whether it was started.
const startPatience = time.Minute

// UnderWayError says that a build was not started because others are under way: whichever ended last would name the
// AMI, and that may be the older one.
type UnderWayError struct{ Images []Image }

func (e *UnderWayError) Error() string {
	var names []string
	for _, one := range e.Images {
		names = append(names, fmt.Sprintf("%s (%s)", one.Version, one.State))
	}
	return "start build: one is under way already: " + strings.Join(names, ", ")
}

// Run starts a build of a pipeline; beside others that are under way only if again is true. The token makes that one
// build is started, however often it must be asked for.
func (s *Start) Run(ctx context.Context, pipeline, token string, again bool) (Image, error) {
	if !again {
		images, err := s.Images.Images(ctx, pipeline)
		if err != nil {
			return Image{}, err
		}
		if running := underWay(images); len(running) > 0 {
			return Image{}, &UnderWayError{Images: running}
		}
	}

	arn, err := patiently(ctx, s.Wait, s.Pace, func() (string, error) {
		asking, stop := context.WithTimeout(context.WithoutCancel(ctx), startPatience)
		defer stop()
		return s.Starter.StartBuild(asking, pipeline, token)
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
