// Package stack holds the nouns of CloudFormation: a stack, the changes that a change set would make,
// and the events of an operation; and what each of them means.
//
// Plain values. It makes no request and prints nothing.
package stack

import (
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
	Details     []Detail `json:"details,omitempty"`
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
