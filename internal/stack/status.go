package stack

import "strings"

// Status is the state of a stack, a resource or a change set, in CloudFormation's words.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
type Status string

// The statuses that this program handles specially.
const (
	ReviewInProgress     Status = "REVIEW_IN_PROGRESS" // the stack exists only for its first change set
	CreateComplete       Status = "CREATE_COMPLETE"
	CreateFailed         Status = "CREATE_FAILED"
	RollbackComplete     Status = "ROLLBACK_COMPLETE" // the first deploy failed and was undone: the only way on is to delete the stack
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

// Dead reports whether the stack holds nothing that works: it must be deleted before its name can be used again.
func (s Status) Dead() bool {
	switch s {
	case CreateFailed, RollbackComplete, RollbackFailed, DeleteFailed:
		return true
	}
	return false
}
