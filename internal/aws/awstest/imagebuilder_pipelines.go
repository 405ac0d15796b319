package awstest

import (
	"slices"

	"image-builder/internal/schedule"
)

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_GetImagePipeline.html
func (b *ImageBuilder) getImagePipeline(call Call) (Values, error) {
	arn := textOf(call.In, "imagePipelineArn")
	p := b.pipeline(arn)
	if p == nil {
		return nil, b.missing(arn)
	}
	return Values{"imagePipeline": b.encodePipeline(p)}, nil
}

func (b *ImageBuilder) encodePipeline(p *pipeline) Values {
	out := with(p.doc, "consecutiveFailures", p.failures)
	if p.last != nil {
		out["dateLastRun"] = date(p.last.created)
		out["lastRunStatus"] = p.last.status
	}

	timing := structOf(p.doc, "schedule")
	if timing == nil || textOf(p.doc, "status") == "DISABLED" {
		return out
	}

	if when, err := schedule.Parse(textOf(timing, "scheduleExpression"), textOf(timing, "timezone")); err == nil {
		if next, ok := when.Next(b.now()); ok {
			out["dateNextRun"] = date(next)
		}
	}

	return out
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListImagePipelines.html
func (b *ImageBuilder) listImagePipelines(call Call) (Values, error) {
	known := map[string]func(Values) string{}
	for _, name := range []string{"name", "description", "status", "imageRecipeArn", "infrastructureConfigurationArn", "distributionConfigurationArn"} {
		known[name] = func(doc Values) string { return textOf(doc, name) }
	}
	var all []Values
	for _, p := range b.pipelines {
		all = append(all, b.encodePipeline(p))
	}
	return b.list(call, "imagePipelineList", all, known)
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_UpdateImagePipeline.html
func (b *ImageBuilder) updateImagePipeline(call Call) (Values, error) {
	return b.once(call, func() (Values, error) {
		arn := textOf(call.In, "imagePipelineArn")
		p := b.pipeline(arn)
		if p == nil {
			return nil, b.missing(arn)
		}
		doc := Values{} // all of the pipeline is replaced: what the call leaves out is gone
		for name, value := range call.In {
			if name != "clientToken" && name != "imagePipelineArn" {
				doc[name] = value
			}
		}

		for _, name := range []string{"arn", "name", "dateCreated", "tags"} {
			if p.doc[name] != nil {
				doc[name] = p.doc[name]
			}
		}

		doc, err := b.checked(doc)
		if err != nil {
			return nil, err
		}
		p.doc = doc
		p.failures = 0

		return Values{"imagePipelineArn": arn}, nil
	})
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_StartImagePipelineExecution.html
func (b *ImageBuilder) startImagePipelineExecution(call Call) (Values, error) {
	return b.once(call, func() (Values, error) {
		arn := textOf(call.In, "imagePipelineArn")
		p := b.pipeline(arn)
		if p == nil {
			return nil, b.missing(arn)
		}
		if recipe := textOf(p.doc, "imageRecipeArn"); b.resources[recipe] == nil {
			return nil, b.missing(recipe)
		}
		run := b.start(p, false, structOf(call.In, "tags"))
		return Values{"imageBuildVersionArn": run.arn}, nil
	})
}

// getResource returns what gets a resource that is never anything but its document.
func (b *ImageBuilder) getResource(member, arn string) func(Call) (Values, error) {
	return func(call Call) (Values, error) {
		doc := b.resources[textOf(call.In, arn)]
		if doc == nil {
			return nil, b.missing(textOf(call.In, arn))
		}
		return Values{member: doc}, nil
	}
}

// list answers with a page of a list. As in the service, filters apply to the page: one may hold less than was asked
// for, or nothing, and still name the next.
func (b *ImageBuilder) list(call Call, member string, all []Values, known map[string]func(Values) string) (Values, error) {
	size := numberOf(call.In, "maxResults", 25)
	if b.PageSize > 0 {
		size = min(size, b.PageSize)
	}

	window, next, ok := page(all, call.Operation, textOf(call.In, "nextToken"), size)
	if !ok {
		return nil, b.refuse("InvalidPaginationTokenException", "The pagination token is not valid.")
	}
	window = slices.Clone(window)
	for _, filter := range listOf[Values](call.In, "filters") {
		has, ok := known[textOf(filter, "name")]
		if !ok {
			return nil, b.refuse("InvalidParameterValueException", "The value supplied for parameter 'filters' is not valid. The filter '%s' is not supported.", textOf(filter, "name"))
		}
		wanted := listOf[string](filter, "values")
		window = slices.DeleteFunc(window, func(item Values) bool { return !slices.Contains(wanted, has(item)) })
	}

	out := Values{member: anyOf(window)}
	if next != "" {
		out["nextToken"] = next
	}

	return out, nil
}
