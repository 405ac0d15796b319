package imagepipeline

import (
	"context"
	"errors"
	"io/fs"

	"image-builder/internal/image"
	"image-builder/internal/stack"
)

// Inspect reads the state of a stack's pipeline, parameters and images.
type Inspect struct {
	Images     Images
	Workflows  Workflows
	Parameters Parameters
	Sources    Sources
	Operations Operations
}

// Status is the state of everything that belongs to a stack.
type Status struct {
	Stack stack.Stack `json:"stack"`
	// FirstFailure says why the stack's last operation failed, if it did.
	FirstFailure *stack.Event `json:"firstFailure,omitempty"`
	Pipeline     *Pipeline    `json:"pipeline"` // nil while the stack has none
	// Failures counts the scheduled builds that failed in a row. It is the service's count, except for a disabled
	// pipeline: the service resets its count when a pipeline changes, so the images are counted.
	Failures int       `json:"failuresInARow"`
	Base     Parameter `json:"base"`
	Output   Parameter `json:"output"`
	// Newest is the newest image that is available; nil if there is none.
	Newest *Built `json:"newest"`
	// NewerBase means that the base parameter names another AMI than the newest image was made from.
	NewerBase bool `json:"newerBase"`
	// Published means that the output parameter names the newest image's AMI.
	Published bool    `json:"published"`
	Images    []Built `json:"images"` // newest first; includes builds in progress and failed ones
	Total     int     `json:"total"`  // the number of images in all
	// Unread says what could not be read, and why.
	Unread []string `json:"unread,omitempty"`
}

// Parameter is a parameter and the AMI that it names now.
type Parameter struct {
	Name string `json:"name"`
	AMI  string `json:"ami,omitempty"` // "" if it is missing or could not be read
	// Missing means that the parameter does not exist.
	Missing bool `json:"missing,omitempty"`
}

// Built is an image with what is known of its build.
type Built struct {
	Image
	Elapsed image.Duration `json:"elapsed"`        // from the first workflow's start to the last one's end; 0 if not known
	Base    string         `json:"base,omitempty"` // the AMI it was made from; "" if not known
	Why     string         `json:"why,omitempty"`  // the reason in brief, if it failed
}

// Run looks at the last n images and everything that they came from. Anything that may not be read, or does not exist
// yet, leaves a gap in the status and is not an error.
func (l *Inspect) Run(ctx context.Context, of stack.Stack, n int) (Status, error) {
	s := Status{
		Stack: of, Images: []Built{},
		Base: Parameter{Name: of.Parameters["BaseAmiParameter"]}, Output: Parameter{Name: of.Parameters["OutputAmiParameter"]},
	}
	l.failure(ctx, &s)
	l.parameter(ctx, &s, &s.Base)
	l.parameter(ctx, &s, &s.Output)

	arn := of.Outputs["Pipeline"]
	if arn == "" {
		return s, ctx.Err()
	}
	pipeline, err := l.Images.Pipeline(ctx, arn)
	if err != nil && (of.Status.Busy() || of.Status.Failed()) {
		s.unread(err) // it may be gone by now
		return s, ctx.Err()
	}

	if err != nil {
		return s, err
	}
	images, err := l.Images.ListImages(ctx, arn)
	if err != nil {
		return s, err
	}

	images = NewestFirst(images)
	s.Pipeline = &pipeline
	s.Total = len(images)
	s.Failures = pipeline.Failures

	if !pipeline.Enabled {
		s.Failures = max(pipeline.Failures, failuresInARow(images))
	}

	l.images(ctx, &s, images, n)
	s.Published = s.Newest != nil && s.Newest.AMI == s.Output.AMI
	s.NewerBase = s.Newest != nil && s.Newest.Base != "" && s.Base.AMI != "" && s.Newest.Base != s.Base.AMI
	return s, ctx.Err()
}

// failure finds the resource that failed first in a stack's last operation.
func (l *Inspect) failure(ctx context.Context, s *Status) {
	if !s.Stack.Status.Failed() {
		return
	}
	events, err := stack.LastOperation(l.Operations.Events(ctx, s.Stack.ID))
	s.unread(err)
	if first, found := stack.FirstFailure(events); found {
		s.FirstFailure = &first
	}
}

// parameter reads the value of a parameter.
func (l *Inspect) parameter(ctx context.Context, s *Status, p *Parameter) {
	if p.Name == "" {
		return
	}
	found, err := l.Parameters.Read(ctx, p.Name)
	p.AMI = found.Value
	p.Missing = errors.Is(err, fs.ErrNotExist)
	if !p.Missing {
		s.unread(err)
	}
}

func (s *Status) unread(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		s.Unread = append(s.Unread, err.Error())
	}
}

// images adds the last n images. If none of them is available, it finds the newest available one.
func (l *Inspect) images(ctx context.Context, s *Status, images []Image, n int) {
	wanted := images[:min(n, len(images))]
	newest := newestAvailable(images)

	var amis []string
	for _, one := range wanted {
		if one.AMI != "" {
			amis = append(amis, one.AMI)
		}
	}

	if newest != nil {
		amis = append(amis, newest.AMI)
	}

	sources, err := l.Sources.SourceAMIs(ctx, amis)
	s.unread(err)

	for _, one := range wanted {
		s.Images = append(s.Images, l.built(ctx, s, one, sources))
	}

	if newest != nil {
		s.Newest = &Built{Image: *newest, Base: sources[newest.AMI]}
		for i, one := range s.Images {
			if one.ARN == newest.ARN {
				s.Newest = &s.Images[i]
			}
		}
	}
}

func (l *Inspect) built(ctx context.Context, s *Status, one Image, sources map[string]string) Built {
	built := Built{Image: one, Base: sources[one.AMI]}
	if one.State == Failed {
		built.Why = Brief(one.Reason)
	}
	workflows, err := l.Workflows.ListWorkflows(ctx, one.ARN)
	s.unread(err)
	if !one.State.Building() {
		built.Elapsed = image.Duration(span(workflows))
	}
	return built
}

// newestAvailable returns the newest image that is ready for use.
func newestAvailable(images []Image) *Image {
	for _, one := range images {
		if one.State == Available && one.AMI != "" {
			return &one
		}
	}
	return nil
}

// failuresInARow counts the scheduled builds that failed since the last success. Failures of builds started by hand
// do not count. https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ImagePipeline.html
func failuresInARow(images []Image) int {
	failures := 0
	for _, one := range images {
		if one.State == Available {
			break
		}
		if one.State == Failed && one.Scheduled {
			failures++
		}
	}
	return failures
}
