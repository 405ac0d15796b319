package imagebuilder

import (
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_GetImage.html
func (b *Service) getImage(call wire.Call) (wire.Values, error) {
	arn := wire.Text(call.In, "imageBuildVersionArn")
	run := b.build(arn)
	switch {
	case run == nil:
		run = b.newest(arn)
	case run.script.Lasts == nil:
		b.step(run)
	}

	if run == nil {
		return nil, b.missing(arn)
	}
	out := b.summary(run)
	delete(out, "owner")
	out["enhancedImageMetadataEnabled"] = wire.Truth(run.pipeline, "enhancedImageMetadataEnabled")
	out["sourcePipelineName"] = run.pipeline["name"]
	out["sourcePipelineArn"] = run.pipeline["arn"]
	out["imageRecipe"] = run.recipe
	out["infrastructureConfiguration"] = run.infrastructure

	out["distributionConfiguration"] = run.distribution
	out["imageTestsConfiguration"] = run.pipeline["imageTestsConfiguration"]
	out["executionRole"] = run.pipeline["executionRole"]
	return wire.Values{"image": out}, nil
}

// newest returns the newest available image of a version, which may have x for any number.
func (b *Service) newest(arn string) *build {
	stem, version, found := cutLast(arn)
	if !found || strings.Count(version, ".") != 2 {
		return nil
	}
	wanted := strings.Split(version, ".")
	for _, run := range slices.Backward(b.builds) {
		has := strings.Split(strings.Split(run.version, "/")[0], ".")
		fits := strings.HasPrefix(run.arn, stem+"/") && run.status == "AVAILABLE" && !run.deleted
		for i, number := range wanted {
			fits = fits && (number == "x" || number == has[i])
		}
		if fits {
			return run
		}
	}

	return nil
}

func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndex(text, "/")
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// summary is an image as lists show it.
func (b *Service) summary(r *build) wire.Values {
	state := wire.Values{"status": r.status}
	if r.reason != "" {
		state["reason"] = r.reason
		state["failureContext"] = r.failure
	}

	out := wire.Values{
		"arn": r.arn, "name": r.name, "type": "AMI", "version": r.version, "platform": "Linux", "state": state,
		"owner": b.Number, "dateCreated": date(r.created), "buildType": "USER_INITIATED", "imageSource": "CUSTOM",
		"loggingConfiguration": wire.Values{"logGroupName": r.logGroup()}, "outputResources": wire.Values{"amis": []any{}},
	}

	if r.scheduled {
		out["buildType"] = "SCHEDULED"
	}

	if len(r.tags) > 0 {
		out["tags"] = r.tags
	}

	if r.status == "AVAILABLE" || r.status == "INTEGRATING" {
		out["outputResources"] = wire.Values{"amis": b.outputs(r)}
	}

	return out
}

var imageFields = map[string]func(wire.Values) string{
	"name":    func(v wire.Values) string { return wire.Text(v, "name") },
	"version": func(v wire.Values) string { return strings.Split(wire.Text(v, "version"), "/")[0] },
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListImagePipelineImages.html A pipeline that does
// not exist has no images and is not an error.
func (b *Service) listImagePipelineImages(call wire.Call) (wire.Values, error) {
	arn := wire.Text(call.In, "imagePipelineArn")
	mine := func(r *build) bool { return wire.Text(r.pipeline, "arn") == arn }
	return b.list(call, "imageSummaryList", b.summaries(mine), imageFields)
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListImageBuildVersions.html
func (b *Service) listImageBuildVersions(call wire.Call) (wire.Values, error) {
	arn := wire.Text(call.In, "imageVersionArn")
	mine := func(r *build) bool { return arn == "" || strings.HasPrefix(r.arn, arn+"/") }
	known := map[string]func(wire.Values) string{
		"type":     func(v wire.Values) string { return wire.Text(v, "type") },
		"platform": func(v wire.Values) string { return wire.Text(v, "platform") },
	}
	for name, has := range imageFields {
		known[name] = has
	}
	return b.list(call, "imageSummaryList", b.summaries(mine), known)
}

// summaries lists images in an arbitrary order, since the service promises none.
func (b *Service) summaries(mine func(*build) bool) []wire.Values {
	var all []wire.Values
	for _, run := range b.builds {
		if mine(run) && !run.deleted {
			all = append(all, b.summary(run))
		}
	}
	slices.SortFunc(all, func(x, y wire.Values) int {
		return strings.Compare(wire.UUID("", wire.Text(x, "arn")), wire.UUID("", wire.Text(y, "arn")))
	})
	return all
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CancelImageCreation.html The image becomes
// CANCELLED when it is read the next time, not at once.
func (b *Service) cancelImageCreation(call wire.Call) (wire.Values, error) {
	return b.once(call, func() (wire.Values, error) {
		arn := wire.Text(call.In, "imageBuildVersionArn")
		run := b.build(arn)
		switch {
		case run == nil:
			return nil, b.missing(arn)
		case run.ended():
			return nil, b.refuse("InvalidRequestException", "The image %s has the status %s and cannot be cancelled.", arn, run.status)
		}
		run.cancelling = true
		run.stops = b.Now().Add(run.script.Stops)
		return wire.Values{"imageBuildVersionArn": arn}, nil
	})
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_DeleteImage.html
// The AMI stays.
func (b *Service) deleteImage(call wire.Call) (wire.Values, error) {
	arn := wire.Text(call.In, "imageBuildVersionArn")
	run := b.build(arn)
	switch {
	case run == nil:
		return nil, b.missing(arn)
	case !run.ended():
		return nil, b.refuse("ResourceDependencyException", "The image %s is still being built.", arn)
	}
	run.deleted = true
	return wire.Values{"imageBuildVersionArn": arn}, nil
}
