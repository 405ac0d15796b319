package awstest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// workflow is a run of one of the service's own workflows.
type workflow struct {
	id, kind, name  string // BUILD, build-image
	status, message string
	steps           []*step
	start, end      time.Time
}

type step struct {
	id, name, action, status string
	message, rollback        string
	inputs, outputs          string // JSON
	start, end               time.Time
}

// The steps of build-image and test-image 1.0.3, by name and action.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListWorkflowStepExecutions.html
var (
	buildSteps = [][2]string{
		{"LaunchBuildInstance", "LaunchInstance"},
		{"ApplyBuildComponents", "ExecuteComponents"},
		{"InventoryCollection", "CollectImageMetadata"},
		{"RunSanitizeScript", "SanitizeInstance"},
		{"RunSysPrepScript", "RunSysPrep"},
		{"CreateOutputAMI", "CreateImage"},
		{"TerminateBuildInstance", "TerminateInstance"},
	}
	testSteps = [][2]string{
		{"LaunchTestInstance", "LaunchInstance"},
		{"CollectImageScanFindings", "CollectImageScanFindings"},
		{"ApplyTestComponents", "ExecuteComponents"},
		{"TerminateTestInstance", "TerminateInstance"},
	}
)

func (w *workflow) arn(a account) string {
	return "arn:aws:imagebuilder:" + a.region + ":aws:workflow/" + strings.ToLower(w.kind) + "/" + w.name + "/1.0.3/1"
}

func (r *build) current() *workflow { return r.workflows[len(r.workflows)-1] }

func (b *ImageBuilder) startWorkflow(r *build, kind string, steps [][2]string) {
	w := &workflow{id: b.uuid("wf-"), kind: kind, name: strings.ToLower(kind) + "-image", status: "RUNNING", start: b.now()}
	for _, s := range steps {
		w.steps = append(w.steps, &step{id: b.uuid("step-"), name: s[0], action: s[1], status: "PENDING", inputs: inputs(steps[0][0], s[1])})
	}
	r.workflows = append(r.workflows, w)
	b.log(r, "Started %s workflow %s", kind, w.arn(b.account))
	b.log(r, "Total %d steps to run for workflow %s", len(w.steps), w.arn(b.account))
}

// inputs is what a step is given; launched is the step that launched the instance.
func inputs(launched, action string) string {
	switch action {
	case "LaunchInstance":
		return `{"waitFor": "ssmAgent"}`
	case "SanitizeInstance":
		return ""
	}
	return `{"instanceId.$": "$.stepOutputs.` + launched + `.instanceId"}`
}

// runSteps brings a workflow so far that the first so many steps are over, and the next one runs.
func (b *ImageBuilder) runSteps(r *build, over int) {
	steps := r.current().steps
	for i, s := range steps {
		switch {
		case i < over:
			b.finishStep(r, s)
		case i == over && s.status == "PENDING":
			b.startStep(r, s)
		}
	}
}

func (b *ImageBuilder) startStep(r *build, s *step) {
	s.status = "RUNNING"
	s.start = b.now()
	b.log(r, "Started step %s with action %s", s.name, s.action)
}

func (b *ImageBuilder) finishStep(r *build, s *step) {
	if s.status == "COMPLETED" || s.status == "SKIPPED" {
		return
	}

	if r.skips(s) {
		s.status = "SKIPPED"
		s.start = b.now()
		s.end = b.now()
		b.log(r, "Skipped step %s", s.name)
		return
	}

	if s.status == "PENDING" {
		b.startStep(r, s)
	}

	s.status = "COMPLETED"
	s.end = b.now()
	if s.action == "LaunchInstance" {
		s.outputs = fmt.Sprintf(`{"instanceId": "%s"}`, r.instance)
	}

	b.log(r, "Completed step %s", s.name)
}

// skips tells whether a step's condition is not met.
func (r *build) skips(s *step) bool {
	switch s.action {
	case "CollectImageMetadata":
		return !truthOf(r.pipeline, "enhancedImageMetadataEnabled")
	case "ExecuteComponents":
		return len(listOf[Values](r.recipe, "components")) == 0
	}
	return s.action == "RunSysPrep" || s.action == "CollectImageScanFindings"
}

func (b *ImageBuilder) finishWorkflow(r *build) {
	w := r.current()
	b.runSteps(r, len(w.steps))
	w.status = "COMPLETED"
	w.end = b.now()
}

// stop ends the running workflow where it is: FAILED or CANCELLED. What was not reached stays pending.
func (r *build) stop(status string, now time.Time) {
	if len(r.workflows) == 0 || r.current().status != "RUNNING" {
		return
	}
	w := r.current()
	w.status = status
	w.end = now
	for _, s := range w.steps {
		if s.status == "RUNNING" {
			s.status = status
			s.end = now
		}
	}
}

// fail ends a build. Failure is the image's failureContext.
func (b *ImageBuilder) fail(r *build, reason string, failure Values) {
	r.reason = reason
	r.failure = failure
	b.log(r, "%s", reason)
	r.stop("FAILED", b.now())
	b.enter(r, "FAILED")
}

// failAsTold fails a build as its script says, in the status that it has.
func (b *ImageBuilder) failAsTold(r *build) {
	switch r.status {
	case "BUILDING", "TESTING":
		i := slices.IndexFunc(r.current().steps, func(s *step) bool { return s.action == "ExecuteComponents" })
		b.runSteps(r, i)
		b.failComponent(r, r.current().steps[i])
	case "DISTRIBUTING":
		b.failIntegration(r, "", orElse(r.script.Error, "EC2 Client Error: 'CopyImage failed'"))
	case "INTEGRATING":
		b.failIntegration(r, "PUT_SSM_PARAMETERS", orElse(r.script.Error, "SSM Client Error: 'Rate exceeded'"))
	default:
		b.fail(r, orElse(r.script.Reason, "An internal error occurred."), Values{"imageStatus": r.status})
	}
}

// failComponent fails a step in which a document failed.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-failure-context.html
func (b *ImageBuilder) failComponent(r *build, s *step) {
	components := listOf[Values](r.recipe, "components")
	arn := textOf(components[len(components)-1], "componentArn")
	for _, c := range components {
		name := strings.Split(textOf(c, "componentArn"), "/")[1]
		if r.script.Component != "" && (name == nameInARN(r.script.Component) || strings.HasSuffix(name, "-"+nameInARN(r.script.Component))) {
			arn = textOf(c, "componentArn")
		}
	}

	phase := map[string]string{"BUILDING": "build", "TESTING": "test"}[r.status]
	failed := Values{
		"componentArn": arn, "phaseName": phase, "stepName": orElse(r.script.Step, "Run"), "action": "ExecuteBash",
		"errorMessage": orElse(r.script.Error, "exit status 1"),
	}
	for _, line := range []string{
		"Document: " + strings.Split(arn, "/")[1], "ComponentArn: " + arn, "Phase: " + phase, "Step: " + textOf(failed, "stepName"),
		"Action: ExecuteBash", "ErrorMessage: " + textOf(failed, "errorMessage"),
	} {
		b.log(r, "%s", line)
	}

	b.failStep(r, s, "Document "+arn+" failed!", failed)
}

// failStep fails a build by a step of its workflow; component is what failed within it, if it was one.
func (b *ImageBuilder) failStep(r *build, s *step, message string, component Values) {
	s.status = "FAILED"
	s.message = message
	s.end = b.now()
	w := r.current()
	w.message = message
	if first := w.steps[0]; first.status == "COMPLETED" {
		first.rollback = "COMPLETED" // the instance is terminated
	}

	failure := Values{
		"imageStatus": r.status, "workflowExecutionId": w.id, "workflowArn": w.arn(b.account), "stepExecutionId": s.id, "failedStep": s.name,
	}

	if component != nil {
		failure["componentFailure"] = component
	}

	b.fail(r, orElse(r.script.Reason, fmt.Sprintf("Workflow Execution ID: '%s' failed with reason: %s", w.id, message)), failure)
}

// failIntegration fails a build whose AMI cannot go where it should; step is what was done with it there, if anything.
func (b *ImageBuilder) failIntegration(r *build, step, message string) {
	stage := map[string]string{"DISTRIBUTING": "Distribution", "INTEGRATING": "Integration"}[r.status]
	there := Values{"region": b.region, "status": "FAILED", "errorMessage": message}
	if step != "" {
		there["imageConfigurationStep"] = step
	}
	all := "In region '" + b.region + "' - '" + message + "'"
	reason := fmt.Sprintf("%s failed with JobId '%s', status = 'Failed' for ARN '%s'. %s", stage, b.uuid(""), r.arn, all)
	b.fail(r, orElse(r.script.Reason, reason), Values{
		"imageStatus": r.status, "distributionFailure": Values{"errorMessage": all, "regionFailures": []any{there}},
	})
}

// messageOf is what another service refused with, without its code.
func messageOf(err error) string {
	var f Fault
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}
