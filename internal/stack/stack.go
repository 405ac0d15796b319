// Package stack holds the nouns of CloudFormation: a stack, the changes that a change set would make,
// and the events of an operation; and what each of them means.
//
// Plain values. It makes no request and prints nothing.
package stack

import (
	"slices"
	"strings"
	"time"
)

// Stack is the state of a stack.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
type Stack struct {
	ID          string            `json:"id"` // its ARN
	Name        string            `json:"name"`
	Status      Status            `json:"status"`
	Reason      string            `json:"reason,omitempty"`
	Description string            `json:"description,omitempty"` // the template's
	Parameters  map[string]string `json:"parameters"`
	Outputs     map[string]string `json:"outputs"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated,omitzero"` // when the last update started
}

// Ours reports whether the stack was made from this project's template, by its description.
func (s Stack) Ours() bool { return strings.HasPrefix(s.Description, "image-builder: ") }

// First reports whether the stack was made from the template of the first image-builder, by its parameters and its output:
// the description says nothing.
func (s Stack) First() bool {
	for _, name := range []string{
		"BaseAmiParameter", "OutputAmiParameter", "BootstrapScriptUrl", "InstanceType", "SecretsBucket", "SubnetId", "ScheduleExpression",
	} {
		if _, there := s.Parameters[name]; !there {
			return false
		}
	}
	return !s.Ours() && s.Outputs["Topic"] != ""
}

// Topic is the logical ID of the topic that tells of new images.
const Topic = "OutputTopic"

// ChangeSet lists what an operation would change.
type ChangeSet struct {
	ID        string   `json:"id"` // its ARN
	Name      string   `json:"name"`
	StackID   string   `json:"stackId"`
	Status    Status   `json:"status"`
	Execution Status   `json:"execution,omitempty"` // AVAILABLE, EXECUTE_IN_PROGRESS, EXECUTE_COMPLETE…
	Reason    string   `json:"reason,omitempty"`
	Changes   []Change `json:"changes"`
}

// Change is what happens to one resource.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
type Change struct {
	Action      string   `json:"action"` // Add, Modify, Remove, Import or Dynamic
	LogicalID   string   `json:"logicalId"`
	PhysicalID  string   `json:"physicalId,omitempty"`
	Type        string   `json:"type"`                  // AWS::ImageBuilder::ImagePipeline
	Replacement string   `json:"replacement,omitempty"` // True, False or Conditional; for Modify only
	Policy      string   `json:"policy,omitempty"`      // Delete, Retain, ReplaceAndDelete…: what becomes of the old resource
	Details     []Detail `json:"details,omitempty"`
}

// Loses reports whether a resource of a logical ID does not stay the one it is.
func (c ChangeSet) Loses(logicalID string) bool {
	return slices.ContainsFunc(c.Changes, func(change Change) bool {
		return change.LogicalID == logicalID && (change.Action != "Modify" || (change.Replacement != "False" && change.Replacement != ""))
	})
}

// MovesNetwork reports whether one VPC is made and another removed.
func (c ChangeSet) MovesNetwork() bool {
	done := map[string]bool{}
	for _, change := range c.Changes {
		if change.Type == "AWS::EC2::VPC" {
			done[change.Action] = true
		}
	}
	return done["Add"] && done["Remove"]
}

// Detail is why and how one attribute of a resource changes.
type Detail struct {
	Path       string `json:"path"` // /Properties/InstanceTypes/0, or the attribute's name if there is no path
	Before     string `json:"before,omitempty"`
	After      string `json:"after,omitempty"`
	Source     string `json:"source,omitempty"`     // ParameterReference, ResourceAttribute, DirectModification…
	Cause      string `json:"cause,omitempty"`      // the parameter or resource that makes it change
	Recreation string `json:"recreation,omitempty"` // Never, Conditionally or Always
}

// Event is something that happened to a stack or one of its resources.
type Event struct {
	ID         string    `json:"id"`
	Time       time.Time `json:"time"`
	LogicalID  string    `json:"logicalId"`
	PhysicalID string    `json:"physicalId,omitempty"`
	Type       string    `json:"type"`
	Status     Status    `json:"status"`
	Reason     string    `json:"reason,omitempty"`
}
