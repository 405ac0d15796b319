package stack

import "strings"

// Status is how a stack, a resource or a change set stands, in CloudFormation's words.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
type Status string

// The statuses that mean something of their own here.
const (
	ReviewInProgress     Status = "REVIEW_IN_PROGRESS" // a first change set waits; there is nothing yet
	CreateComplete       Status = "CREATE_COMPLETE"
	CreateFailed         Status = "CREATE_FAILED"
	RollbackComplete     Status = "ROLLBACK_COMPLETE" // the first deploy failed and was undone: the stack can only be deleted
	RollbackFailed       Status = "ROLLBACK_FAILED"
	UpdateComplete       Status = "UPDATE_COMPLETE"
	UpdateRollbackFailed Status = "UPDATE_ROLLBACK_FAILED"
	DeleteComplete       Status = "DELETE_COMPLETE"
	DeleteFailed         Status = "DELETE_FAILED"
)

// Busy reports whether an operation is under way.
func (s Status) Busy() bool {
	return strings.HasSuffix(string(s), "_IN_PROGRESS") && s != ReviewInProgress
}

// Failed reports whether something went wrong, rollbacks included.
func (s Status) Failed() bool {
	return strings.HasSuffix(string(s), "_FAILED") || strings.Contains(string(s), "ROLLBACK")
}

// Dead reports whether the stack holds nothing that works, so that it must be deleted before a stack of its name can be
// created.
func (s Status) Dead() bool {
	switch s {
	case CreateFailed, RollbackComplete, RollbackFailed, DeleteFailed:
		return true
	}
	return false
}
