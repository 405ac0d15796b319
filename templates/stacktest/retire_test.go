package stacktest_test

import (
	"fmt"
	"strings"

	"image-builder/internal/testbed/states"
)

// retire answers what Retire and Overdue ask of Image Builder, with the members that a state machine sees.
func (a *account) retire(operation string, in map[string]any) (any, error) {
	if why := unlike(operation, in); why != "" {
		return nil, &states.Failure{Name: "Imagebuilder.ClientException", Cause: why}
	}
	switch operation {
	case "listImagePipelineImages":
		page := 0
		if token, more := in["NextToken"].(string); more {
			fmt.Sscan(token, &page)
		}
		return decode(a.t, a.page(page)), nil
	case "getImagePipeline":
		return decode(a.t, `{"RequestId": "r", "ImagePipeline": {"Arn": "`+pipelineARN+`", "DateCreated": "`+a.made+`"}}`), nil
	case "startResourceStateUpdate":
		return map[string]any{"LifecycleExecutionId": "lce-1", "ResourceArn": in["ResourceArn"]}, nil
	}

	return map[string]any{"ImageBuildVersionArn": in["ImageBuildVersionArn"]}, nil
}

// page is one page of the pipeline's images.
func (a *account) page(n int) string {
	if len(a.images) == 0 {
		return `{"RequestId": "r", "ImageSummaryList": []}`
	}
	more := ""
	if n+1 < len(a.images) {
		more = fmt.Sprintf(`"NextToken": "%d", `, n+1)
	}
	return `{` + more + `"RequestId": "r", "ImageSummaryList": [` + a.images[n] + `]}`
}

// unlike says in what a request to Image Builder differs from what the machines must ask; "" if in nothing.
func unlike(operation string, in map[string]any) string {
	if (operation == "listImagePipelineImages" || operation == "getImagePipeline") && in["ImagePipelineArn"] != pipelineARN {
		return "another pipeline"
	}
	if operation != "startResourceStateUpdate" {
		return ""
	}
	token, _ := in["ClientToken"].(string)
	delete(in, "ClientToken")
	got := fmt.Sprint(in["State"], in["IncludeResources"], in["ExclusionRules"])
	const want = "map[Status:DELETED] map[Amis:true Snapshots:true] map[Amis:map[LastLaunched:map[Unit:DAYS Value:30] TagMap:map[image-builder:keep:true]]]"
	if got != want || token == "" || len(token) > 36 || !strings.HasSuffix(fmt.Sprint(in["ExecutionRole"]), "LifecycleRole") {
		return fmt.Sprint(token, " ", got, " ", in["ExecutionRole"])
	}
	return ""
}

// summary is an image in a list: its version, state, when it was made, its AMI ("" for none), and its tags.
func summary(version, status, created, ami, tags string) string {
	amis := ""
	if ami != "" {
		amis = `{"Region": "eu-central-1", "AccountId": "123456789012", "Image": "` + ami + `"}`
	}
	return `{"Arn": "` + versionARN(version) + `", "Name": "nightly-ami", "Version": "` + version + `", "State": {"Status": "` + status + `"}, "DateCreated": "` + created +
		`", "OutputResources": {"Amis": [` + amis + `]}, "Tags": {` + tags + `}}`
}

func versionARN(version string) string { return strings.Replace(imageARN, "1.0.4/1", version, 1) }

// history is a pipeline's images over three recipe versions, in two pages and in no order. Ten available ones are newer
// than those that must go.
func history() []string {
	first := []string{
		summary("1.0.0/1", "AVAILABLE", "2026-01-01T03:30:00.000Z", "ami-01", ""),
		summary("1.0.0/2", "AVAILABLE", "2026-01-02T03:30:00.000Z", "ami-02", `"image-builder:keep": "true"`),
		summary("1.0.0/3", "FAILED", "2026-01-03T03:30:00.000Z", "", ""),
		summary("1.0.0/4", "FAILED", "2099-01-03T03:30:00.000Z", "", ""), // its log is kept
		summary("1.0.0/5", "BUILDING", "2026-01-04T03:30:00.000Z", "", ""),
		summary("1.0.0/6", "CANCELLED", "2026-01-05T03:30:00.000Z", "", ""),
		summary("1.0.0/7", "AVAILABLE", "2026-01-06T03:30:00.000Z", "ami-0123456789abcdef0", ""), // that of the parameter
	}
	var second []string
	for i := range 9 {
		second = append(second, summary(fmt.Sprintf("1.0.%d/1", 1+i%2), "AVAILABLE", fmt.Sprintf("2026-02-%02dT03:30:00.000Z", i+1), fmt.Sprintf("ami-1%d", i), ""))
	}
	second = append(second, summary("1.0.2/9", "AVAILABLE", "2026-01-31T03:30:00.000Z", "ami-20", ""), summary("1.0.1/9", "AVAILABLE", "2026-01-30T03:30:00.000Z", "ami-21", ""))
	return []string{strings.Join(first, ", "), strings.Join(second, ", ")}
}

// removed is the message about images of these versions, and about troubles, as they stand in JSON.
func removed(troubles string, versions ...string) string {
	var arns []string
	for _, version := range versions {
		arns = append(arns, `"`+versionARN(version)+`"`)
	}
	return `FailureTopic {"event":"ImagesRemoved","ImagesRemoved":{"pipeline":"` + pipelineARN + `","images":[` + strings.Join(arns, ",") + `],"troubles":[` + troubles + `]}}`
}
