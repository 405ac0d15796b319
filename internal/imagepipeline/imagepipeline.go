// Package imagepipeline works with the stack's pipeline in EC2 Image Builder: it starts a build, follows it and
// cancels it, reports the state of pipeline, images and parameters, and reads the logs of builds.
//
// It knows the service's nouns as plain values and calls AWS through ports. It never changes a stack, never prints,
// and stops a build only in Cancel: a build that is no longer followed continues.
package imagepipeline

import (
	"path"
	"strings"
	"time"
)

// Pipeline is the state of an image pipeline.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ImagePipeline.html
type Pipeline struct {
	ARN     string `json:"arn"`
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"` // whether the schedule starts builds
	// Failures counts the scheduled builds that failed in a row; at FailureLimit Image Builder disables the pipeline.
	Failures     int       `json:"consecutiveFailures"`
	FailureLimit int       `json:"failureLimit"`
	Expression   string    `json:"scheduleExpression"` // cron(…) or rate(…)
	Zone         string    `json:"timeZone"`           // IANA name
	NextRun      time.Time `json:"nextRun,omitzero"`
}

// Image is an image build version: what one build yields.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_Image.html
type Image struct {
	ARN       string    `json:"arn"`
	Version   string    `json:"version"` // 1.0.4/1
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"` // of the state, in the service's words
	Created   time.Time `json:"created"`
	Scheduled bool      `json:"scheduled"`     // started by the schedule, not by hand
	AMI       string    `json:"ami,omitempty"` // the one in the pipeline's own region and account
	Copies    []Copy    `json:"copies,omitempty"`
}

// Copy is an image's AMI in another region, or another account.
type Copy struct {
	Region  string `json:"region"`
	Account string `json:"account"`
	AMI     string `json:"ami"`
}

// State is the progress of an image, in the service's words.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ImageState.html
type State string

// The states that this program handles specially.
const (
	Available State = "AVAILABLE"
	Failed    State = "FAILED"
	Cancelled State = "CANCELLED"
)

// Building reports whether a build is under way.
func (s State) Building() bool {
	switch s {
	case "PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING":
		return true
	}
	return false
}

// Workflow is one run of a workflow of a build: building, testing or distributing.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_WorkflowExecutionMetadata.html
type Workflow struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"` // build-image
	Type     string    `json:"type"` // BUILD, TEST or DISTRIBUTION
	Status   string    `json:"status"`
	Message  string    `json:"message,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
}

// Step is one step of a workflow that runs.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_WorkflowStepMetadata.html
type Step struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`   // ApplyBuildComponents
	Action   string     `json:"action"` // ExecuteComponents
	Status   StepStatus `json:"status"`
	Message  string     `json:"message,omitempty"`
	Started  time.Time  `json:"started,omitzero"`
	Finished time.Time  `json:"finished,omitzero"`
}

// StepStatus is the state of a step, in the service's words.
type StepStatus string

// The statuses of a step.
const (
	StepPending   StepStatus = "PENDING"
	StepRunning   StepStatus = "RUNNING"
	StepSkipped   StepStatus = "SKIPPED"
	StepCompleted StepStatus = "COMPLETED"
	StepFailed    StepStatus = "FAILED"
	StepCancelled StepStatus = "CANCELLED"
)

// Line is one line of a log.
type Line struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"` // as the instance wrote it: may be hostile
}

// Page is the part of a log stream after some place.
type Page struct {
	Lines []Line
	// Next is the place after the last line; if no line follows yet, it is the requested place.
	Next string
	// Missing means that the group or the stream does not exist, or not yet.
	Missing bool
}

// VersionOf returns the version in an image's ARN, such as 1.0.4/1. It is also the name of the image's log stream.
func VersionOf(arn string) string {
	rest, build := path.Split(arn)
	return path.Base(rest) + "/" + build
}

// Find returns the image with this ARN, this version (1.0.4/1), or this version without the build (1.0.4: the newest
// build). An empty name means the newest image. Images must be in order, newest first.
func Find(images []Image, name string) (Image, bool) {
	for _, one := range images {
		if name == "" || one.ARN == name || one.Version == name || strings.HasPrefix(one.Version, name+"/") {
			return one, true
		}
	}
	return Image{}, false
}
