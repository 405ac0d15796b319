package imagepipeline

import (
	"context"
	"iter"

	"image-builder/internal/image"
	"image-builder/internal/stack"
)

// Starter starts builds. Satisfied by *aws.ImageBuilder.
type Starter interface {
	// StartBuild has a pipeline build an image and returns the image's ARN. However often a token is sent, it starts
	// one build.
	StartBuild(ctx context.Context, pipeline, token string) (image string, err error)
}

// Images reads a pipeline and what it built. Satisfied by *aws.ImageBuilder.
type Images interface {
	Pipeline(ctx context.Context, arn string) (Pipeline, error)
	// Images returns all images of a pipeline that there still are, in no order.
	Images(ctx context.Context, pipeline string) ([]Image, error)
	Image(ctx context.Context, arn string) (Image, error)
}

// Workflows reads what a build does. Satisfied by *aws.ImageBuilder.
type Workflows interface {
	Workflows(ctx context.Context, image string) ([]Workflow, error)
	Steps(ctx context.Context, workflow string) ([]Step, error)
}

// Logs reads logs. Satisfied by *aws.Logs.
type Logs interface {
	// Lines returns a page of a stream, oldest line first; place is "" for its beginning, else what the page before
	// said. A group or stream that is not there is an empty page.
	Lines(ctx context.Context, group, stream, place string) (Page, error)
	// Streams returns the names of a group's streams in alphabetical order; none if the group is not there.
	Streams(ctx context.Context, group string) ([]string, error)
}

// Parameters reads what a parameter holds. One that is not there is a fs.ErrNotExist. Satisfied by *aws.Parameters.
type Parameters interface {
	Look(ctx context.Context, name string) (image.Parameter, error)
}

// Sources knows where AMIs come from. Satisfied by *aws.EC2.
type Sources interface {
	// SourceAMIs returns the AMI that each was made from; those for which EC2 does not know are absent.
	SourceAMIs(ctx context.Context, amis []string) (map[string]string, error)
}

// Operations tells what was done to a stack, newest event first. Satisfied by *aws.CloudFormation.
type Operations interface {
	Events(ctx context.Context, stackID string) iter.Seq2[stack.Event, error]
}
