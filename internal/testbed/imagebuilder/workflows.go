package imagebuilder

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"image-builder/internal/testbed/wire"
)

// workflow is a run of one of the service's own workflows.
type workflow struct {
	id, Kind, name  string // BUILD, build-image
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

func (w *workflow) arn(a wire.Home) string {
	return "arn:aws:imagebuilder:" + a.Region + ":aws:workflow/" + strings.ToLower(w.Kind) + "/" + w.name + "/1.0.3/1"
}

func (r *build) current() *workflow { return r.workflows[len(r.workflows)-1] }

func (b *Service) startWorkflow(r *build, kind string, steps [][2]string) {
	w := &workflow{id: b.UUID("wf-"), Kind: kind, name: strings.ToLower(kind) + "-image", status: "RUNNING", start: b.moment()}
	for _, s := range steps {
		w.steps = append(w.steps, &step{id: b.UUID("step-"), name: s[0], action: s[1], status: "PENDING", inputs: inputs(steps[0][0], s[1])})
	}
	r.workflows = append(r.workflows, w)
	b.log(r, "Started %s workflow %s", kind, w.arn(b.Home))
	b.log(r, "Total %d steps to run for workflow %s", len(w.steps), w.arn(b.Home))
}

// inputs are a step's inputs; launched is the step that launched the instance.
func inputs(launched, action string) string {
	switch action {
	case "LaunchInstance":
		return `{"waitFor": "ssmAgent"}`
	case "SanitizeInstance":
		return ""
	}
	return `{"instanceId.$": "$.stepOutputs.` + launched + `.instanceId"}`
}

// runSteps advances a workflow until this many steps are over, and starts the next one.
func (b *Service) runSteps(r *build, over int) {
	steps := r.current().steps
	for i, s := range steps {
		if i == over && r.skips(s) {
			over++ // it is never seen running
		}

		switch {
		case i < over:
			b.finishStep(r, s)
		case i == over && s.status == "PENDING":
			b.startStep(r, s)
		}
	}
}

func (b *Service) startStep(r *build, s *step) {
	s.status = "RUNNING"
	s.start = b.moment()
	b.log(r, "Started step %s with action %s", s.name, s.action)
}

func (b *Service) finishStep(r *build, s *step) {
	if s.status == "COMPLETED" || s.status == "SKIPPED" {
		return
	}

	if r.skips(s) {
		s.status = "SKIPPED"
		s.start = b.moment()
		s.end = b.moment()
		b.log(r, "Skipped step %s", s.name)
		return
	}

	if s.status == "PENDING" {
		b.startStep(r, s)
	}

	s.status = "COMPLETED"
	s.end = b.moment()
	if s.action == "LaunchInstance" {
		s.outputs = fmt.Sprintf(`{"instanceId": "%s"}`, r.instance)
	}

	b.log(r, "Completed step %s", s.name)
}

// skips reports whether a step's condition is not met.
func (r *build) skips(s *step) bool {
	switch s.action {
	case "CollectImageMetadata":
		return !wire.Truth(r.pipeline, "enhancedImageMetadataEnabled")
	case "ExecuteComponents":
		return len(wire.List[wire.Values](r.recipe, "components")) == 0
	}
	return s.action == "RunSysPrep" || s.action == "CollectImageScanFindings"
}

func (b *Service) finishWorkflow(r *build) {
	w := r.current()
	b.runSteps(r, len(w.steps))
	w.status = "COMPLETED"
	w.end = b.moment()
}

// stop ends the running workflow as FAILED or CANCELLED. Steps that it did not reach stay pending.
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
func (b *Service) fail(r *build, reason string, failure wire.Values) {
	if !r.script.Unexplained {
		r.reason = reason
		r.failure = failure
		b.log(r, "%s", reason)
	}

	r.stop("FAILED", b.moment())
	b.enter(r, "FAILED")
}

// failAsTold fails a build as its script says, in its current status.
func (b *Service) failAsTold(r *build) {
	switch r.status {
	case "BUILDING", "TESTING":
		i := r.componentStep()
		b.runSteps(r, i)
		b.failComponent(r, r.current().steps[i])
	case "DISTRIBUTING":
		b.failIntegration(r, "", cmp.Or(r.script.Error, "EC2 Client Error: 'CopyImage failed'"))
	case "INTEGRATING":
		b.failIntegration(r, "PUT_SSM_PARAMETERS", cmp.Or(r.script.Error, "SSM Client Error: 'Rate exceeded'"))
	default:
		b.fail(r, cmp.Or(r.script.Reason, "An internal error occurred."), wire.Values{"imageStatus": r.status})
	}
}

// componentStep is the number of the step that runs the documents, in which a script lets a build fail.
func (r *build) componentStep() int {
	return slices.IndexFunc(r.current().steps, func(s *step) bool { return s.action == "ExecuteComponents" })
}

// failComponent fails a step in which a document failed.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-failure-context.html
func (b *Service) failComponent(r *build, s *step) {
	components := wire.List[wire.Values](r.recipe, "components")
	arn := wire.Text(components[len(components)-1], "componentArn")
	for _, c := range components {
		name := strings.Split(wire.Text(c, "componentArn"), "/")[1]
		if r.script.Component != "" && (name == nameInARN(r.script.Component) || strings.HasSuffix(name, "-"+nameInARN(r.script.Component))) {
			arn = wire.Text(c, "componentArn")
		}
	}

	phase := map[string]string{"BUILDING": "build", "TESTING": "test"}[r.status]
	failed := wire.Values{
		"componentArn": arn, "phaseName": phase, "stepName": cmp.Or(r.script.Step, "Run"), "action": "ExecuteBash",
		"errorMessage": cmp.Or(r.script.Error, "exit status 1"),
	}
	for _, line := range []string{
		"Document: " + strings.Split(arn, "/")[1], "ComponentArn: " + arn, "Phase: " + phase, "Step: " + wire.Text(failed, "stepName"),
		"Action: ExecuteBash", "ErrorMessage: " + wire.Text(failed, "errorMessage"),
	} {
		b.log(r, "%s", line)
	}

	b.failStep(r, s, "Document "+arn+" failed!", failed)
}

// failStep fails a build at a step of its workflow; component is the document that failed in it, if any.
func (b *Service) failStep(r *build, s *step, message string, component wire.Values) {
	s.status = "FAILED"
	s.message = message
	s.end = b.moment()
	w := r.current()
	w.message = message
	if first := w.steps[0]; first.status == "COMPLETED" {
		first.rollback = "COMPLETED" // the instance is terminated
	}

	failure := wire.Values{
		"imageStatus": r.status, "workflowExecutionId": w.id, "workflowArn": w.arn(b.Home), "stepExecutionId": s.id, "failedStep": s.name,
	}

	if component != nil {
		failure["componentFailure"] = component
	}

	b.fail(r, cmp.Or(r.script.Reason, fmt.Sprintf("Workflow Execution ID: '%s' failed with reason: %s", w.id, message)), failure)
}

// failIntegration fails a build whose AMI cannot be distributed; step is the failed action there, if any.
func (b *Service) failIntegration(r *build, step, message string) {
	stage := map[string]string{"DISTRIBUTING": "Distribution", "INTEGRATING": "Integration"}[r.status]
	there := wire.Values{"region": b.Region, "status": "FAILED", "errorMessage": message}
	if step != "" {
		there["imageConfigurationStep"] = step
	}
	all := "In region '" + b.Region + "' - '" + message + "'"
	reason := fmt.Sprintf("%s failed with JobId '%s', status = 'Failed' for ARN '%s'. %s", stage, b.UUID(""), r.arn, all)
	b.fail(r, cmp.Or(r.script.Reason, reason), wire.Values{
		"imageStatus": r.status, "distributionFailure": wire.Values{"errorMessage": all, "regionFailures": []any{there}},
	})
}

// messageOf is another service's refusal without its code.
func messageOf(err error) string {
	var f wire.Fault
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}
