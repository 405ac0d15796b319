package awstest

import (
	"slices"
	"strings"
)

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_GetImage.html
func (b *ImageBuilder) getImage(call Call) (Values, error) {
	arn := textOf(call.In, "imageBuildVersionArn")
	run := b.build(arn)
	if run != nil {
		b.advance(run)
	} else {
		run = b.newest(arn)
	}

	if run == nil {
		return nil, b.missing(arn)
	}
	out := b.summary(run)
	delete(out, "owner")
	out["enhancedImageMetadataEnabled"] = truthOf(run.pipeline, "enhancedImageMetadataEnabled")
	out["sourcePipelineName"] = run.pipeline["name"]
	out["sourcePipelineArn"] = run.pipeline["arn"]
	out["imageRecipe"] = run.recipe
	out["infrastructureConfiguration"] = run.infrastructure

	out["distributionConfiguration"] = run.distribution
	out["imageTestsConfiguration"] = run.pipeline["imageTestsConfiguration"]
	out["executionRole"] = run.pipeline["executionRole"]
	return Values{"image": out}, nil
}

// newest returns the newest available image of a version, which may have x for any number.
func (b *ImageBuilder) newest(arn string) *build {
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

// summary is what lists show of an image.
func (b *ImageBuilder) summary(r *build) Values {
	state := Values{"status": r.status}
	if r.reason != "" {
		state["reason"] = r.reason
		state["failureContext"] = r.failure
	}

	out := Values{
		"arn": r.arn, "name": r.name, "type": "AMI", "version": r.version, "platform": "Linux", "state": state,
		"owner": b.number, "dateCreated": date(r.created), "buildType": "USER_INITIATED", "imageSource": "CUSTOM",
		"loggingConfiguration": Values{"logGroupName": r.logGroup()}, "outputResources": Values{"amis": []any{}},
	}

	if r.scheduled {
		out["buildType"] = "SCHEDULED"
	}

	if len(r.tags) > 0 {
		out["tags"] = r.tags
	}

	if r.status == "AVAILABLE" || r.status == "INTEGRATING" {
		ami, _ := b.ec2.AMI(r.ami)
		out["outputResources"] = Values{"amis": []any{Values{
			"region": b.region, "image": r.ami, "name": orElse(ami.Name, r.ami), "accountId": b.number,
		}}}
	}

	return out
}

var imageFields = map[string]func(Values) string{
	"name":    func(v Values) string { return textOf(v, "name") },
	"version": func(v Values) string { return strings.Split(textOf(v, "version"), "/")[0] },
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListImagePipelineImages.html
// A pipeline that there is not has no images; that is no error.
func (b *ImageBuilder) listImagePipelineImages(call Call) (Values, error) {
	arn := textOf(call.In, "imagePipelineArn")
	mine := func(r *build) bool { return textOf(r.pipeline, "arn") == arn }
	return b.list(call, "imageSummaryList", b.summaries(mine), imageFields)
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListImageBuildVersions.html
func (b *ImageBuilder) listImageBuildVersions(call Call) (Values, error) {
	arn := textOf(call.In, "imageVersionArn")
	mine := func(r *build) bool { return arn == "" || strings.HasPrefix(r.arn, arn+"/") }
	known := map[string]func(Values) string{
		"type":     func(v Values) string { return textOf(v, "type") },
		"platform": func(v Values) string { return textOf(v, "platform") },
	}
	for name, has := range imageFields {
		known[name] = has
	}
	return b.list(call, "imageSummaryList", b.summaries(mine), known)
}

// summaries lists images in an order that says nothing, as the service promises none.
func (b *ImageBuilder) summaries(mine func(*build) bool) []Values {
	var all []Values
	for _, run := range b.builds {
		if mine(run) && !run.deleted {
			all = append(all, b.summary(run))
		}
	}
	slices.SortFunc(all, func(x, y Values) int {
		return strings.Compare(uuidOf("", textOf(x, "arn")), uuidOf("", textOf(y, "arn")))
	})
	return all
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CancelImageCreation.html
// The image is CANCELLED the next time that somebody gets it, not at once.
func (b *ImageBuilder) cancelImageCreation(call Call) (Values, error) {
	return b.once(call, func() (Values, error) {
		arn := textOf(call.In, "imageBuildVersionArn")
		run := b.build(arn)
		switch {
		case run == nil:
			return nil, b.missing(arn)
		case run.ended():
			return nil, b.refuse("InvalidRequestException", "The image %s has the status %s and cannot be cancelled.", arn, run.status)
		}
		run.cancelling = true
		return Values{"imageBuildVersionArn": arn}, nil
	})
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_DeleteImage.html
// The AMI stays.
func (b *ImageBuilder) deleteImage(call Call) (Values, error) {
	arn := textOf(call.In, "imageBuildVersionArn")
	run := b.build(arn)
	switch {
	case run == nil:
		return nil, b.missing(arn)
	case !run.ended():
		return nil, b.refuse("ResourceDependencyException", "The image %s is still being built.", arn)
	}
	run.deleted = true
	return Values{"imageBuildVersionArn": arn}, nil
}
