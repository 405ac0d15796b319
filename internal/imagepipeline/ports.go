package imagepipeline

import (
	"context"
	"iter"

	"image-builder/internal/image"
	"image-builder/internal/stack"
)

// Starter starts builds. Satisfied by *aws.ImageBuilder.
type Starter interface {
	// StartBuild starts a build and returns the image's ARN. Calls with the same token start one build.
	StartBuild(ctx context.Context, pipeline, token string) (image string, err error)
}

// Canceller cancels builds. Satisfied by *aws.ImageBuilder.
type Canceller interface {
	// CancelBuild asks for the end of a build, which comes later. Calls with the same token are one.
	CancelBuild(ctx context.Context, image, token string) error
}

// Made finds the account's AMIs by a tag. Satisfied by *aws.EC2.
type Made interface {
	OwnAMIs(ctx context.Context, tag, value string) ([]image.AMI, error)
}

// Images reads a pipeline and what it built. Satisfied by *aws.ImageBuilder.
type Images interface {
	Pipeline(ctx context.Context, arn string) (Pipeline, error)
	// ListImages returns all existing images of a pipeline, in no order.
	ListImages(ctx context.Context, pipeline string) ([]Image, error)
	Image(ctx context.Context, arn string) (Image, error)
}

// Workflows reads the progress of a build. Satisfied by *aws.ImageBuilder.
type Workflows interface {
	ListWorkflows(ctx context.Context, image string) ([]Workflow, error)
	Steps(ctx context.Context, workflow string) ([]Step, error)
}

// Logs reads logs. Satisfied by *aws.Logs.
type Logs interface {
	// Lines returns a page of a stream, oldest line first; place is "" for the beginning, else the previous page's
	// Next. A group or stream that does not exist is an empty page.
	Lines(ctx context.Context, group, stream, place string) (Page, error)
	// Streams returns the names of a group's streams in alphabetical order; none if the group does not exist.
	Streams(ctx context.Context, group string) ([]string, error)
}

// Parameters reads the value of a parameter. The error is an fs.ErrNotExist if the parameter does not exist.
// Satisfied by *aws.Parameters.
type Parameters interface {
	Read(ctx context.Context, name string) (image.Parameter, error)
}

// Sources knows where AMIs come from. Satisfied by *aws.EC2.
type Sources interface {
	// SourceAMIs maps each AMI to the one it was made from; it leaves out those whose source EC2 does not know.
	SourceAMIs(ctx context.Context, amis []string) (map[string]string, error)
}

// Operations lists the events of a stack, newest first. Satisfied by *aws.CloudFormation.
type Operations interface {
	Events(ctx context.Context, stackID string) iter.Seq2[stack.Event, error]
}
