package imagebuilder

import (
	"slices"

	"image-builder/internal/schedule"

	"image-builder/internal/testbed/wire"
)

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_GetImagePipeline.html
func (b *Service) getImagePipeline(call wire.Call) (wire.Values, error) {
	arn := wire.Text(call.In, "imagePipelineArn")
	p := b.pipeline(arn)
	if p == nil {
		return nil, b.missing(arn)
	}
	return wire.Values{"imagePipeline": b.encodePipeline(p)}, nil
}

func (b *Service) encodePipeline(p *pipeline) wire.Values {
	out := wire.With(p.doc, "consecutiveFailures", p.failures)
	if p.last != nil {
		out["dateLastRun"] = date(p.last.created)
		out["lastRunStatus"] = p.last.status
	}

	timing := wire.Struct(p.doc, "schedule")
	if timing == nil || wire.Text(p.doc, "status") == "DISABLED" {
		return out
	}

	if when, err := schedule.Parse(wire.Text(timing, "scheduleExpression"), wire.Text(timing, "timezone")); err == nil {
		if next, ok := when.Next(b.Now()); ok {
			out["dateNextRun"] = date(next)
		}
	}

	return out
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListImagePipelines.html
func (b *Service) listImagePipelines(call wire.Call) (wire.Values, error) {
	known := map[string]func(wire.Values) string{}
	for _, name := range []string{"name", "description", "status", "imageRecipeArn", "infrastructureConfigurationArn", "distributionConfigurationArn"} {
		known[name] = func(doc wire.Values) string { return wire.Text(doc, name) }
	}
	var all []wire.Values
	for _, p := range b.pipelines {
		all = append(all, b.encodePipeline(p))
	}
	return b.list(call, "imagePipelineList", all, known)
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_UpdateImagePipeline.html
func (b *Service) updateImagePipeline(call wire.Call) (wire.Values, error) {
	return b.once(call, func() (wire.Values, error) {
		arn := wire.Text(call.In, "imagePipelineArn")
		p := b.pipeline(arn)
		if p == nil {
			return nil, b.missing(arn)
		}
		doc := wire.Values{} // the call replaces the whole pipeline: it clears what it leaves out
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

		return wire.Values{"imagePipelineArn": arn}, nil
	})
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_StartImagePipelineExecution.html
func (b *Service) startImagePipelineExecution(call wire.Call) (wire.Values, error) {
	return b.once(call, func() (wire.Values, error) {
		arn := wire.Text(call.In, "imagePipelineArn")
		p := b.pipeline(arn)
		if p == nil {
			return nil, b.missing(arn)
		}
		if recipe := wire.Text(p.doc, "imageRecipeArn"); b.resources[recipe] == nil {
			return nil, b.missing(recipe)
		}
		run := b.start(p, false, wire.Struct(call.In, "tags"))
		return wire.Values{"imageBuildVersionArn": run.arn}, nil
	})
}

// due reports whether a pipeline's condition for a scheduled build holds. The components of these recipes are named in
// full and have no updates, so the parent image decides: the AMI that its parameter names now.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_Schedule.html
func (b *Service) due(p *pipeline) bool {
	condition := wire.Text(wire.Struct(p.doc, "schedule"), "pipelineExecutionStartCondition")
	if condition == "EXPRESSION_MATCH_ONLY" || p.last == nil {
		return true
	}

	parent, err := b.resolve(wire.Text(b.resources[wire.Text(p.doc, "imageRecipeArn")], "parentImage"))
	if err != nil || parent.ID != p.last.base {
		return true // a parent that cannot be found fails the build
	}

	b.logs.WriteExisting(b.pipelineGroup(p.doc), b.Now().UTC().Format("2006/01/02"), b.Now(), "Pipeline execution skipped: no dependency updates")
	return false
}

// getResource returns the function that gets a resource of this kind, which is its document only.
func (b *Service) getResource(member, arn string) func(wire.Call) (wire.Values, error) {
	return func(call wire.Call) (wire.Values, error) {
		doc := b.resources[wire.Text(call.In, arn)]
		if doc == nil {
			return nil, b.missing(wire.Text(call.In, arn))
		}
		return wire.Values{member: doc}, nil
	}
}

// list answers with a page of a list. As in the service, filters apply to each page: a page may be short or empty and
// still have a successor.
func (b *Service) list(call wire.Call, member string, all []wire.Values, known map[string]func(wire.Values) string) (wire.Values, error) {
	size := wire.Number(call.In, "maxResults", 25)
	if b.pageSize > 0 {
		size = min(size, b.pageSize)
	}

	window, next, ok := wire.Page(all, call.Operation, wire.Text(call.In, "nextToken"), size)
	if !ok {
		return nil, b.refuse("InvalidPaginationTokenException", "The pagination token is not valid.")
	}
	window = slices.Clone(window)
	for _, filter := range wire.List[wire.Values](call.In, "filters") {
		has, ok := known[wire.Text(filter, "name")]
		if !ok {
			return nil, b.refuse("InvalidParameterValueException", "The value supplied for parameter 'filters' is not valid. The filter '%s' is not supported.", wire.Text(filter, "name"))
		}
		wanted := wire.List[string](filter, "values")
		window = slices.DeleteFunc(window, func(item wire.Values) bool { return !slices.Contains(wanted, has(item)) })
	}

	out := wire.Values{member: wire.Any(window)}
	if next != "" {
		out["nextToken"] = next
	}

	return out, nil
}
